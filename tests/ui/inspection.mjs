// What every page must be: readable to everybody, and no wider than its window.

import { AxeBuilder } from "@axe-core/playwright";

const HEIGHT = 800;
const NARROW = 360;
const WIDE = 1600;
const COLOURS = ["color-contrast", "link-in-text-block"];

// Pages that are made of the same are told apart by their texts alone, and scans take most of the time.
const knownPages = new Set();
const knownParts = new Set();

/** What is wrong with the page that is shown, in words. */
export async function inspect(page, name) {
  const wrong = await widthOf(page, name, NARROW);
  wrong.push(...(await widthOf(page, name, WIDE)));
  const made = await page.evaluate(parts);
  const isNew = made.some((part) => !knownParts.has(part));
  made.forEach((part) => knownParts.add(part));
  const whole = made.join("\n");
  if (!knownPages.has(whole)) {
    knownPages.add(whole);
    wrong.push(...(await scan(page, name, (all) => all.disableRules(COLOURS))));
  }
  // How an element is coloured, it is on every page.
  for (const scheme of isNew ? ["light", "dark"] : []) {
    await page.emulateMedia({ colorScheme: scheme });
    wrong.push(...(await scan(page, `${name}, ${scheme}`, (all) => all.withRules(COLOURS))));
  }
  await page.emulateMedia({ colorScheme: "light" });
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
  return [...new Set([...document.querySelectorAll("body *")].map(path))].sort();
}

async function widthOf(page, name, width) {
  await page.setViewportSize({ width, height: HEIGHT });
  const wide = await page.evaluate(tooWide);
  return wide ? [`${name}: a window of ${width} px scrolls sideways because of ${wide}`] : [];
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
