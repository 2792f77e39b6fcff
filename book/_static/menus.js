// The page's contents lie over the page on a small screen: they leave once a place in them has been chosen.
"use strict";

document.addEventListener("click", event => {
  const place = event.target.closest("dialog[open] a[href^='#']");
  if (place) place.closest("dialog").close();
});
