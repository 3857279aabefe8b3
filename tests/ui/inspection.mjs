// What every page must be: readable to everybody, and no wider than its window.

import { AxeBuilder } from "@axe-core/playwright";

const HEIGHT = 800;
const USUAL = 1280;
const WIDTHS = [360, 1600];
const COLOURS = ["color-contrast", "link-in-text-block"];

// Pages that are made of the same are told apart by their texts alone.
const known = new Set();

/** What is wrong with the page that is shown, in words. */
export async function inspect(page, name) {
  const wrong = [];
  const made = await page.evaluate(parts);
  if (!known.has(made)) {
    known.add(made);
    wrong.push(...(await scan(page, `${name}, light`, (all) => all)));
    // In the dark nothing but colours is another.
    await page.emulateMedia({ colorScheme: "dark" });
    wrong.push(...(await scan(page, `${name}, dark`, (all) => all.withRules(COLOURS))));
    await page.emulateMedia({ colorScheme: "light" });
  }
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHT });
    const wide = await page.evaluate(tooWide);
    if (wide) wrong.push(`${name}: a window of ${width} px scrolls sideways because of ${wide}`);
  }
  await page.setViewportSize({ width: USUAL, height: HEIGHT });
  return wrong;
}

async function scan(page, name, rules) {
  // Nothing comes from another site, so no page of axe's own is needed.
  const { violations } = await rules(new AxeBuilder({ page }).setLegacyMode()).analyze();
  return violations.map((violation) => `${name}: ${told(violation)}`);
}

function told({ id, help, nodes }) {
  return `${id} (${help}) at ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`)}`;
}

/** In the page: the kinds of elements that it has, each with what it is in. */
function parts() {
  const kind = (one) => `${one.localName}.${one.getAttribute("class")} ${one.getAttributeNames().sort()}`;
  const path = (one) => (one.parentElement ? `${path(one.parentElement)} > ${kind(one)}` : kind(one));
  return [...new Set([...document.querySelectorAll("body *")].map(path))].sort().join("\n");
}

/** In the page: what is wider than its window, if it scrolls for that. */
function tooWide() {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return "";
  const reaching = [...document.body.querySelectorAll("*")].filter(
    (one) => one.getBoundingClientRect().right > clientWidth,
  );
  const named = reaching.map((one) => `${one.localName}.${one.getAttribute("class")}`);
  return named.slice(0, 5).join(", ") || `something (${scrollWidth} px)`;
}
