// How search orders what it has found. Sphinx puts this before its own script.
//
// A result is [page, title, place on the page, description, score, file]. Sphinx gives up to 100 for an entry of the
// index, 15 for a word in a title and 5 for one in the text, and knows nothing of what a page is for.
"use strict";

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  // Added by folder: who searches wants the explanation first, and an exercise last.
  byFolder: { "notebooks/": 4, "book/mistakes/": 2, "book/exercises/": -4 },
  wholeQueryInTitle: 12,

  score: (result) => {
    const [page, title, , , score] = result;
    [result[1], result[2]] = Scorer.place(result);
    const folder = Object.keys(Scorer.byFolder).find((start) => page.startsWith(start));
    return score + (Scorer.byFolder[folder] ?? 0) + Scorer.wholeQueryInTitle * Scorer.shareInTitle(title);
  },

  // Of the words searched for, how many are in the title.
  shareInTitle: (title) => {
    const stemmer = new Stemmer();
    const stems = (text) => splitQuery(text.toLowerCase()).map((word) => stemmer.stemWord(word));
    const wanted = stems(new URLSearchParams(window.location.search).get("q"));
    const inTitle = new Set(stems(title));
    return wanted.filter((word) => inTitle.has(word)).length / (wanted.length || 1);
  },

  // What to call a result, and where it leads: an entry of the index has only the title of its page, so that several
  // would look alike, and the same place twice would not be seen to be the same.
  place: ([page, title, anchor]) => {
    const [whole, part] = title.split(" > ");
    if (part) return [whole.endsWith(part) ? whole : title, anchor];
    if (anchor.startsWith("#term-")) {
      const term = anchor.slice(6).replaceAll("-", " ").replace(/ s\b/, "\u2019s");
      return [`${title} > ${term}`, anchor];
    }
    const { alltitles, docnames } = Search._index;
    const isHere = ([doc, id]) => docnames[doc] === page && `#${id}` === anchor;
    const [section] = Object.entries(alltitles).find(([, places]) => places.some(isHere)) ?? ["\\"];
    return [section.includes("\\") ? title : `${title} > ${section}`, anchor]; // not where it has a formula
  },
};
