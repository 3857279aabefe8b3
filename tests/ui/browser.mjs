// The browser: windows of it, and what every one of them is watched for.

import { chromium } from "playwright-core";

import { PASSWORD } from "./program.mjs";

// The program's own handlers end everything; two that end the process would race.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  // A container has no user namespaces, and root no sandbox; it sees no page but ours.
  args: ["--no-sandbox"],
  handleSIGTERM: false,
  handleSIGINT: false,
  handleSIGHUP: false,
});

/** Ends the browser. */
export const close = () => browser.close();

// How long something may take that is waited for, on a busy machine.
const PATIENCE = 20_000;
// A page that was refused says so by its status, which the browser tells the console of its own accord.
const REFUSED = /^Failed to load resource: the server responded with a status of 4(03|04|09|22) /;

/** A window with a session of its own. */
export async function open(url, complaints, options) {
  const context = await browser.newContext({
    baseURL: url,
    locale: "en-US",
    timezoneId: "UTC",
    reducedMotion: "reduce",
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  context.on("console", (message) => {
    const isRefusal = REFUSED.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isRefusal) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  return context.newPage();
}

/** Signs in with the link that the first start printed. */
export async function enter(page, link) {
  await page.goto(link);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("heading", { name: "APIs", level: 1 }).waitFor();
}

/** Signs in with an address and the password. */
export async function signIn(page, email) {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "APIs", level: 1 }).waitFor();
}
