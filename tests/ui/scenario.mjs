// What somebody does with a program of their own, from its start to its end.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";

import { open } from "./browser.mjs";
import { serve } from "./program.mjs";

/**
 * A test. `begin` starts the program, or says why it can't; `body` gets it, and `open` for windows. It fails also when
 * a page complained to the browser's console: of a script, a style, or anything else that the policy forbids.
 */
export function scenario(name, body, begin = serve) {
  test(name, async (t) => {
    const server = await begin();
    if (typeof server === "string") {
      t.skip(server);
      return;
    }
    const windows = [];
    const complaints = [];
    try {
      await body({
        server,
        async open(options = {}) {
          const page = await open(server.url, complaints, options);
          windows.push(page);
          return page;
        },
      });
    } finally {
      for (const page of windows) await page.context().close();
      await server.stop();
    }
    assert.deepEqual(complaints, [], "what pages complain of");
    // `run` shows those that are left.
    rmSync(server.log);
  });
}
