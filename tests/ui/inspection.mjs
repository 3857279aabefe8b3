// What every page must be: readable to everybody, and no wider than its window.

import { AxeBuilder } from "@axe-core/playwright";

const HEIGHT = 800;
const NARROW = 360;
const WIDE = 1600;

/** What is wrong with the page that is shown, in words. */
export async function inspect(page, name) {
  const wrong = await widthOf(page, name, NARROW);
  wrong.push(...(await widthOf(page, name, WIDE)));
  for (const scheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme: scheme });
    wrong.push(...(await scan(page, `${name}, ${scheme}`)));
  }
  return wrong;
}

async function scan(page, name) {
  // Nothing comes from another site, so no page of axe's own is needed.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.map((violation) => `${name}: ${told(violation)}`);
}

function told({ id, help, nodes }) {
  return `${id} (${help}) at ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`)}`;
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
