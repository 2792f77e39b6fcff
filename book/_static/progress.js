// Remembers, in this browser and nowhere else, which lessons the reader has been at the end of, and ticks them.
"use strict";

{
  const KEY = "vae-lessons-read";

  const recall = () => {
    try {
      return new Set(JSON.parse(localStorage.getItem(KEY)));
    } catch {
      return new Set(); // storage may be switched off, or hold something else
    }
  };

  const remember = (lesson) => {
    try {
      localStorage.setItem(KEY, JSON.stringify([...recall().add(lesson)]));
    } catch {
      // then the tick lasts as long as the page
    }
  };

  const links = [...document.querySelectorAll(".progress-strip a")];
  const tick = (link) => link.querySelector(".been-at-the-end").removeAttribute("hidden");
  const nameOf = (link) => new URL(link.href).pathname.split("/").pop();

  const read = recall();
  links.filter((link) => read.has(nameOf(link))).forEach(tick);

  const here = links.find((link) => link.getAttribute("aria-current") === "page");
  const end = document.querySelector(".ways");
  if (here && end) {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      remember(nameOf(here));
      tick(here);
    });
    watcher.observe(end);
  }
}
