// What makes the pages live. All of them work without it: it only saves reloading, choosing and waiting.
"use strict";

document.documentElement.classList.add("scripts");

const proof = document.body.dataset.csrf;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Pictures that are not there (yet) leave their words in their place.
function mindPictures(root) {
  for (const picture of root.querySelectorAll("img[data-missing]")) {
    let tries = 0;
    const missing = async () => {
      // It may be made just now.
      if (++tries <= 4) {
        await wait(1000 * 2 ** tries);
        picture.src = picture.src;
        return;
      }
      const words = document.createElement("span");
      words.className = "picture missing";
      words.textContent = picture.dataset.missing;
      picture.replaceWith(words);
    };
    if (picture.complete && picture.naturalWidth === 0 && picture.currentSrc) missing();
    picture.addEventListener("error", missing);
  }
}

// Times stand in UTC in their titles; here is where the reader's own time is known.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
  }
}

// Before and after: the slider says how much of the one is seen, and the first picture gives both their shape.
function slide(root) {
  for (const picture of root.querySelectorAll(".compare .before img")) {
    const shape = () => {
      if (picture.naturalWidth === 0) return;
      const ratio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
      for (const one of picture.closest(".compare").querySelectorAll("img")) one.style.aspectRatio = ratio;
    };
    picture.addEventListener("load", shape);
    shape();
  }
  for (const slider of root.querySelectorAll(".slider")) {
    const show = () => slider.closest(".compare").style.setProperty("--shown", `${slider.value}%`);
    slider.addEventListener("input", show);
    show();
  }
}

function prepare(root) {
  mindChoice();
  mindPictures(root);
  localTimes(root);
  slide(root);
}

// Copying is for pages that came safely.
if (!navigator.clipboard) for (const copier of document.querySelectorAll("[data-copy]")) copier.remove();

document.addEventListener("click", async (event) => {
  const copier = event.target.closest("[data-copy]");
  if (!copier) return;
  await navigator.clipboard.writeText(copier.dataset.copy);
  copier.words ??= copier.innerHTML;
  copier.textContent = copier.dataset.copied;
  await wait(1500);
  copier.innerHTML = copier.words;
});

// Chosen jobs can be retried, and only they.
const retry = document.getElementById("retry");
function mindChoice() {
  const button = retry?.querySelector(".bulk button");
  if (button) button.disabled = !retry.querySelector("input[name=id]:checked");
}
retry?.addEventListener("change", (event) => {
  if (event.target.id === "select-all") {
    for (const box of retry.querySelectorAll("input[name=id]")) box.checked = event.target.checked;
  }
  mindChoice();
});

// On a phone the filter is folded, so that the pictures come first. One that is in use is seen.
const filters = document.querySelector(".filters");
if (filters) {
  const narrow = matchMedia("(max-width: 40rem)");
  const fold = () => (filters.open = !narrow.matches || filters.hasAttribute("data-in-use"));
  narrow.addEventListener("change", fold);
  fold();
}

// While something on the page goes on by itself, the parts that have changed are put in the place of the old ones.
// Whatever somebody works with (a focused field, an open part, a ticked box) stays.
async function live() {
  while (document.body.hasAttribute("data-live")) {
    await wait(Number(document.body.dataset.live));
    // A connection may be lost for a while.
    if (!document.hidden) await lookAgain().catch(() => null);
  }
}

// Ages change all the time; they are no reason to put a part in the place of another.
const untimed = (sent) => sent?.replace(/<time[^>]*>[^<]*<\/time>/g, "");

async function lookAgain() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.body.dataset.live = fresh.body.dataset.live;
  const list = document.querySelector("ul.jobs");
  const freshList = fresh.querySelector("ul.jobs");
  // From a list to none or the other way, the whole page is another.
  if (Boolean(list) !== Boolean(freshList)) {
    location.reload();
    return;
  }
  const order = (jobs) => [...jobs.children].map((part) => part.dataset.part).join();
  const inUse = list?.querySelector("input:checked") || list?.contains(document.activeElement);
  if (list && order(freshList) !== order(list) && !inUse) {
    list.replaceWith(document.adoptNode(freshList));
    remember(freshList);
    prepare(freshList);
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    const busy = part.contains(document.activeElement) || part.querySelector("input:checked, details[open]") || part.open;
    if (!other || busy) continue;
    // What is compared is what was sent: scripts have changed what is on the page.
    const sent = other.outerHTML;
    if (untimed(sent) === untimed(part.sent)) {
      const times = other.querySelectorAll("time");
      part.querySelectorAll("time").forEach((time, place) => (time.textContent = times[place]?.textContent ?? ""));
      continue;
    }
    const changed = document.adoptNode(other);
    part.replaceWith(changed);
    remember(changed);
    changed.sent = sent;
    prepare(changed);
  }
}

function remember(root) {
  for (const part of root.querySelectorAll("[data-part]")) part.sent = part.outerHTML;
}

// Uploads: each file gets a signed address and goes there itself; then its job is followed to its end.
const form = document.getElementById("upload");
if (form) {
  const drop = form.querySelector(".drop");
  const input = form.querySelector("#files");
  const list = form.querySelector("#progress");
  let chosen = [];

  const choose = (files) => {
    for (const entry of chosen) if (!entry.begun) entry.line.remove();
    chosen = chosen.filter((entry) => entry.begun).concat([...files].map(entryOf));
  };
  const entryOf = (file) => {
    const line = document.createElement("li");
    const picture = document.createElement("img");
    picture.alt = "";
    picture.src = URL.createObjectURL(file);
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src), { once: true });
    const name = document.createElement("span");
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    const middle = document.createElement("div");
    middle.append(name, bar);
    const said = document.createElement("span");
    said.className = "said";
    line.append(picture, middle, said);
    list.append(line);
    return { file, line, bar, said, begun: false };
  };
  const ask = async (address, body) => {
    const options = body && {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": proof },
      body: JSON.stringify(body),
    };
    const answer = await fetch(address, options);
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error.message);
    return told;
  };
  const put = (address, file, progress) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PUT", address);
      request.setRequestHeader("if-none-match", "*");
      request.upload.addEventListener("progress", (event) => progress(event.loaded / Math.max(event.total, 1)));
      // 412: it is there already, and only the answer was lost.
      const taken = () => request.status < 300 || request.status === 412;
      request.addEventListener("load", () => (taken() ? resolve() : reject(Object.assign(new Error(request.statusText), { status: request.status }))));
      request.addEventListener("error", () => reject(new Error()));
      request.send(file);
    });
  const send = async (entry, route) => {
    entry.said.className = "said";
    entry.said.textContent = form.dataset.uploading;
    try {
      // A second try goes to the same place: under another key it would be another job, and paid for again.
      if (entry.route !== route) entry.place = null;
      entry.route = route;
      entry.place ??= await ask("/api/uploads", { route, name: entry.file.name });
      const place = entry.place;
      await put(place.url, entry.file, (part) => (entry.bar.value = part));
      entry.bar.value = 1;
      entry.said.textContent = form.dataset.uploaded;
      follow(entry, place.key);
    } catch (problem) {
      entry.begun = false;
      // The address is good no longer, and has taken nothing.
      if (problem.status === 403) entry.place = null;
      entry.said.className = "said trouble";
      entry.said.textContent = `${form.dataset.failed} ${problem.message}`;
    }
  };
  const follow = async (entry, key) => {
    for (let pause = 700, looks = 0; looks < 400; pause = Math.min(pause * 1.2, 5000), looks++) {
      await wait(pause);
      const answer = await fetch(`/jobs?text=${encodeURIComponent(key)}`).catch(() => null);
      if (answer?.redirected) return;
      if (!answer?.ok) continue;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const job = page.querySelector(".job");
      if (!job) continue;
      const badge = document.adoptNode(job.querySelector(".badge"));
      const link = document.createElement("a");
      link.href = `/jobs/${job.dataset.job}`;
      link.append(badge);
      const ended = ["done", "failed"].includes(badge.dataset.state);
      if (entry.state !== badge.dataset.state) entry.said.replaceChildren(link);
      entry.state = badge.dataset.state;
      if (ended) {
        entry.bar.hidden = true;
        return;
      }
    }
  };

  form.addEventListener("change", (event) => {
    if (event.target.name !== "route") return;
    form.querySelector("button[type=submit]").textContent = form.dataset.uploadTo.replace("{route}", event.target.value);
  });
  input.addEventListener("change", () => choose(input.files));
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    input.required = false;
    choose(event.dataTransfer.files);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const route = new FormData(form).get("route");
    const waiting = chosen.filter((entry) => !entry.begun);
    if (waiting.length === 0) {
      input.setCustomValidity(form.dataset.none);
      input.reportValidity();
      input.setCustomValidity("");
      return;
    }
    input.value = "";
    input.required = false;
    // Whatever is pressed meanwhile, none of them is sent twice.
    for (const entry of waiting) entry.begun = true;
    // A few at a time: many at once are no quicker, and some would wait for so long that their address is no longer good.
    const next = async () => {
      for (let entry = waiting.shift(); entry; entry = waiting.shift()) await send(entry, route);
    };
    await Promise.all([next(), next(), next()]);
  });
}

// What was said once is not said again after a reload.
if (location.search.includes("said=")) {
  const address = new URL(location.href);
  address.searchParams.delete("said");
  history.replaceState(null, "", address);
}

remember(document);
prepare(document);
live();
