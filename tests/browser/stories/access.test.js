// What no page of ours asks for, and others may: told with plain requests.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";

import { TOKEN } from "../support/darkroom.js";
import { sample } from "../support/places.js";
import { story, world } from "../support/story.js";

/** One request as it is written here, with any header, redirects not followed. */
async function ask(address, { method = "GET", headers = {}, body } = {}) {
  const asking = request(address, { method, headers: { "accept-language": "en", ...headers } });
  asking.end(body);
  const [answer] = await once(asking, "response");
  answer.setEncoding("utf8");
  let text = "";
  for await (const part of answer) text += part;
  return { status: answer.statusCode, headers: answer.headers, text };
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

const open = world();

test("without a token, a name that is not this machine's is refused", async () => {
  const { gallery } = open.darkroom;
  for (const path of ["/", "/jobs", "/api/jobs", "/assets/gallery.css"]) {
    const answer = await ask(gallery + path, { headers: { host: "evil.example" } });
    assert.equal(answer.status, 403, path);
    assert.ok(!answer.text.includes("data-csrf"), path);
  }
  const { port } = new URL(gallery);
  assert.equal((await ask(`${gallery}/jobs`, { headers: { host: `localhost:${port}` } })).status, 200);
});

test("what changes something needs the proof that it came from our page", async () => {
  const { gallery } = open.darkroom;
  const page = await ask(`${gallery}/upload`);
  const proof = page.text.match(/data-csrf="([^"]+)"/)[1];
  const paths = ["/jobs/retry", "/providers/imgfactory/release", "/logout", `/jobs/${"0".repeat(32)}/retry`];
  for (const path of paths) {
    for (const body of ["", "csrf=guessed"]) {
      assert.equal((await ask(gallery + path, { method: "POST", headers: FORM, body })).status, 403, `${path} ${body}`);
    }
  }
  const api = { "content-type": "application/json" };
  const body = JSON.stringify({ route: "imageban/public", name: "a.jpg" });
  assert.equal((await ask(`${gallery}/api/uploads`, { method: "POST", headers: api, body })).status, 403);
  assert.equal((await ask(`${gallery}/api/uploads`, { method: "POST", headers: { ...api, "x-csrf-token": proof }, body })).status, 200);
  const elsewhere = { ...api, "x-csrf-token": proof, "sec-fetch-site": "cross-site" };
  assert.equal((await ask(`${gallery}/api/uploads`, { method: "POST", headers: elsewhere, body })).status, 403);
  const foreign = { ...api, "x-csrf-token": proof, origin: "https://evil.example" };
  assert.equal((await ask(`${gallery}/api/uploads`, { method: "POST", headers: foreign, body })).status, 403);
});

test("every answer has the strict policy, and pages are kept by nobody", async () => {
  const { gallery, bucket } = open.darkroom;
  for (const path of ["/jobs", "/upload", "/providers", "/api/jobs", "/nowhere"]) {
    const { headers } = await ask(gallery + path);
    const policy = Object.fromEntries(headers["content-security-policy"].split(";").map((part) => {
      const [name, ...values] = part.trim().split(/\s+/);
      return [name, values.join(" ")];
    }));
    assert.deepEqual(policy, {
      "default-src": "'none'",
      "img-src": `'self' blob: ${bucket}`,
      "style-src": "'self'",
      "script-src": "'self'",
      "connect-src": `'self' ${bucket}`,
      "form-action": "'self'",
      "base-uri": "'none'",
      "frame-ancestors": "'none'",
    }, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["x-frame-options"], "DENY", path);
    assert.equal(headers["referrer-policy"], "same-origin", path);
    assert.equal(headers["cache-control"], "no-store", path);
  }
});

const shop = world({ token: true, environment: { RUST_LOG: "debug" } });

test("with a token, nothing is shown or done without it", async () => {
  const { gallery } = shop.darkroom;
  for (const path of ["/", "/jobs", "/upload", "/providers", `/jobs/${"0".repeat(32)}`]) {
    const answer = await ask(gallery + path);
    assert.equal(answer.status, 303, path);
    assert.match(answer.headers.location, /^\/login\?next=/, path);
  }
  assert.equal((await ask(`${gallery}/api/jobs`)).status, 401);
  assert.equal((await ask(`${gallery}/api/jobs`, { headers: { authorization: "Bearer a wrong one" } })).status, 401);
  assert.equal((await ask(`${gallery}/api/jobs`, { headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
  const forged = { cookie: "darkroom_session=9999999999.00000000000000000000000000000000.AAAA" };
  assert.equal((await ask(`${gallery}/jobs`, { headers: forged })).status, 303);
  // With a token, any name may lead here: a proxy's, for one.
  assert.equal((await ask(`${gallery}/login`, { headers: { host: "photos.example" } })).status, 200);
});

// What a page of another name for this machine tries. Browsers hold some of it back by themselves.
story("another site's page can neither read nor post, and frames nothing", open, {
  expected: [/asked http:..(elsewhere\.)?localhost/, /CORS|ERR_FAILED|frame-ancestors|refused to connect|status of 403/i],
}, async (page, { gallery }, context) => {
  const { port } = new URL(gallery);
  // Another name for this machine is another site.
  const site = `http://localhost:${port}`;
  await context.route("http://elsewhere.localhost/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Elsewhere</h1>" }));
  const visitor = await context.newPage();
  await visitor.goto("http://elsewhere.localhost/");
  const read = await visitor.evaluate((address) => fetch(address).then((answer) => answer.text()).catch(() => "refused"), `${site}/jobs`);
  assert.equal(read, "refused");
  await visitor.evaluate((address) => {
    const frame = document.createElement("iframe");
    frame.src = address;
    document.body.append(frame);
    return new Promise((resolve) => (frame.onload = resolve));
  }, `${site}/jobs`);
  assert.equal(await visitor.frames().at(1).locator("nav").count(), 0, "an empty frame");
  const posted = visitor.waitForResponse((answer) => answer.request().method() === "POST");
  await visitor.evaluate((address) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = address;
    document.body.append(form);
    form.submit();
  }, `${site}/jobs/retry`);
  assert.equal((await posted).status(), 403);
});

story("what stands in an address or in a file's name stays text", open, {}, async (page, darkroom) => {
  const trick = '"><script>document.title = "tricked"</script><img src=x onerror=alert(1)>';
  await page.goto(`/jobs?${new URLSearchParams({ text: trick, route: "vkcloud/<b>", before: "" })}`);
  assert.equal(await page.inputValue("input[name=text]"), trick);
  const id = await darkroom.put("imageban/public", null, { name: "<b onclick=alert(1)>&amp;'.jpg", bytes: "no picture" });
  await darkroom.becomes(id, "failed");
  for (const path of ["/jobs", `/jobs/${id}`]) {
    await page.goto(path);
    assert.equal(await page.locator("main b, main script, [onclick], [onerror]").count(), 0, path);
    assert.doesNotMatch(await page.title(), /tricked/);
  }
});

story("the log holds no token, no cookie and no signed address", shop, {}, async (page, darkroom, context) => {
  const id = await darkroom.put("vkcloud/double", sample("cat.jpg"));
  await darkroom.becomes(id, "done");
  for (const path of ["/jobs", `/jobs/${id}`, "/upload", "/providers"]) await page.goto(path);
  await page.goto("/login?next=%2Fjobs");
  const [cookie] = await context.cookies();
  const log = darkroom.log();
  assert.ok(log.includes(id), "the log is there");
  for (const secret of [TOKEN, encodeURIComponent(TOKEN), cookie.value, "X-Amz-Signature=", "Bearer "]) {
    const line = log.split("\n").find((line) => line.includes(secret));
    assert.equal(line, undefined, `${secret.slice(0, 16)}…`);
  }
});
