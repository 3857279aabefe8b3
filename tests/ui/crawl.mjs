// Every page that can be reached by links from the list of APIs.

// How many pages of one kind are looked at: their contents differ, mostly by whether they may be changed.
const OF_A_KIND = 4;

/** The kind of page that an address is: what is left when ids and what was searched for are taken out. */
function kind({ pathname, searchParams }) {
  const isId = (segment) => /\d/.test(segment) || segment.includes("%") || segment.length > 24;
  const path = pathname.split("/").map((segment) => (isId(segment) ? "*" : segment));
  return `${path.join("/")}?${[...searchParams.keys()].sort()}`;
}

/** Shows one page after the other, and has each looked at; what is wrong with them, and which kinds there are. */
export async function crawl(page, look) {
  const seen = new Map();
  const wrong = [];
  const waiting = ["/apis"];
  const known = new Set(waiting);
  while (waiting.length > 0) {
    const path = waiting.shift();
    const url = new URL(path, page.url());
    const count = seen.get(kind(url)) ?? 0;
    if (count === OF_A_KIND) continue;
    seen.set(kind(url), count + 1);
    const answer = await page.goto(path);
    if (answer.status() !== 200) wrong.push(`${path}: the link leads to ${answer.status()}`);
    wrong.push(...(await look(page, path)));
    for (const link of await page.locator("a[href]:not([download])").evaluateAll((all) => all.map((a) => a.href))) {
      const { origin, pathname, search } = new URL(link);
      const next = pathname + search;
      if (origin !== url.origin || known.has(next)) continue;
      known.add(next);
      waiting.push(next);
    }
  }
  return { kinds: [...seen.keys()].sort(), wrong };
}
