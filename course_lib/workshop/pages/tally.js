// Shows the confidence while the slider moves, and looks every second and a half whether there is something new.
// Pages work without it: a form is sent, and the page is loaded again by hand.
"use strict";

document.addEventListener("input", (event) => {
  if (event.target.id === "percent") {
    document.getElementById("sure").textContent = `${event.target.value} %`;
    event.target.setAttribute("aria-valuetext", `${event.target.value} percent sure`);
  }
});

async function fetched(address) {
  const answer = await fetch(address, { cache: "no-store", credentials: "same-origin" });
  if (answer.status === 404) location.assign("/"); // the speaker has started anew, this seat is gone
  if (!answer.ok) throw new Error(String(answer.status));
  return answer;
}

async function renew() {
  const page = new DOMParser().parseFromString(await (await fetched(document.body.dataset.page)).text(), "text/html");
  const focused = document.activeElement && document.activeElement.id;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  document.title = page.title;
  document.body.dataset.version = page.body.dataset.version;
  // A screen reader reads what is focused: the news for the room; the speaker stays on the button.
  const next = (focused && document.getElementById(focused)) || document.querySelector("h1[tabindex]");
  if (next) next.focus();
}

async function look() {
  const lost = document.getElementById("lost");
  try {
    const { version } = await (await fetched(document.body.dataset.watch)).json();
    if (version !== document.body.dataset.version) await renew();
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, 1500);
}

if (document.body.dataset.watch) setTimeout(look, 1500);
