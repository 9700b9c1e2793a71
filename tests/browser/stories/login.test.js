import assert from "node:assert/strict";

import { TOKEN } from "../support/darkroom.js";
import { keep } from "../support/page.js";
import { signIn, story, world } from "../support/story.js";

const shop = world({ token: true });
const REFUSED = /status of 403.*\/login/;

story("a wrong token is refused after a second, and the right one lets in", shop, { signedIn: false, expected: [REFUSED] },
  async (page) => {
    await page.goto("/login");
    await page.fill("#token", "not the token of the shop");
    const asked = Date.now();
    await page.click("button[type=submit]");
    await page.getByRole("alert").waitFor();
    assert.ok(Date.now() - asked >= 1000, "a guess costs a second");
    assert.equal(await page.inputValue("#token"), "");
    await keep(page, "login-refused");
    await page.goto("/jobs");
    assert.equal(new URL(page.url()).pathname, "/login");
    await signIn(page);
    assert.equal(await page.locator("h1").innerText(), "Jobs");
  });

story("a page that needs a login leads to it, and comes after it", shop, { signedIn: false }, async (page) => {
  await page.goto("/jobs?state=failed&provider=vkcloud");
  assert.equal(new URL(page.url()).pathname, "/login");
  await keep(page, "login");
  await page.fill("#token", TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/jobs?state=failed&provider=vkcloud");
  assert.equal(await page.inputValue("select[name=state]"), "failed");
});

story("no other site is led to after a login", shop, { signedIn: false }, async (page, { gallery }) => {
  await page.goto("/login?next=https%3A%2F%2Fevil.example%2F");
  await page.fill("#token", TOKEN);
  await page.click("button[type=submit]");
  await page.waitForURL("**/jobs");
  assert.equal(new URL(page.url()).origin, gallery);
});

story("the cookie is out of reach of scripts and of other sites' forms", shop, {}, async (page, _, context) => {
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual(others, []);
  assert.equal(cookie.name, "darkroom_session");
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Lax");
  const hours = (cookie.expires - Date.now() / 1000) / 3600;
  assert.ok(hours > 11 && hours <= 12, `${hours} h`);
  assert.equal(await page.evaluate(() => document.cookie), "");
});

story("signing out ends the session, and going back shows nothing", shop, {}, async (page, _, context) => {
  await page.goto("/providers");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/login");
  assert.deepEqual(await context.cookies(), []);
  await page.goBack();
  await page.waitForURL("**/login*");
});
