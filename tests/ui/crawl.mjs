// Every page that can be reached by links from the list of APIs.

// How many pages of one kind are looked at: their contents differ, mostly by whether they may be changed.
const OF_A_KIND = 3;

/** The kind of page that an address is: what is left when ids and what was searched for are taken out. */
function kind({ pathname, searchParams }) {
  const isId = (segment) => /[\d_%]/.test(segment) || segment.length > 24;
  const path = pathname.split("/").map((segment) => (isId(segment) ? "*" : segment));
  return `${path.join("/")}?${[...searchParams.keys()].sort()}`;
}

/** Has each page looked at; what is wrong with them, and which kinds of them there are. */
export async function crawl(page, look) {
  // Two at a time, because a scan keeps a processor busy.
  const tabs = [page, await page.context().newPage()];
  const kinds = new Map();
  const wrong = [];
  const isWanted = (url) => {
    const count = kinds.get(kind(url)) ?? 0;
    kinds.set(kind(url), Math.min(count + 1, OF_A_KIND));
    return count < OF_A_KIND;
  };
  const known = new Set();
  let level = [new URL("/apis", page.url()).href];
  while (level.length > 0) {
    level.forEach((address) => known.add(address));
    const addresses = level.filter((address) => isWanted(new URL(address)));
    const found = await eachOf(addresses, tabs, async (tab, address) => {
      const answer = await tab.goto(address);
      const path = address.slice(new URL(address).origin.length);
      if (answer.status() !== 200) wrong.push(`${path}: the link leads to ${answer.status()}`);
      // Documents for programs are no pages.
      if (!answer.headers()["content-type"]?.startsWith("text/html")) return [];
      wrong.push(...(await look(tab, path)));
      return tab.evaluate(links);
    });
    level = [...new Set(found.flat())].filter((address) => !known.has(address));
  }
  return { kinds: [...kinds.keys()].sort(), wrong };
}

/** Carries something out for each of these, as many at once as there are tabs; the results, in their order. */
async function eachOf(all, tabs, carryOut) {
  const results = [];
  let next = 0;
  const one = async (tab) => {
    while (next < all.length) {
      const at = next++;
      results[at] = await carryOut(tab, all[at]);
    }
  };
  await Promise.all(tabs.map(one));
  return results;
}

/** In the page: where it leads to on this site. */
function links() {
  const all = [...document.querySelectorAll("a[href]:not([download])")].map((link) => new URL(link.href));
  return all.filter(({ origin }) => origin === location.origin).map((url) => url.origin + url.pathname + url.search);
}
