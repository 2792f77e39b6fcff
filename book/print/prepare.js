// Run in the page of the whole book before it is printed: `column` is the width of its text in px, `smallest` the least
// share of its size that something may be shrunk to. Returns what is still too wide.
async ({ column, smallest }) => {
    const [SHORT, LONG] = [4, 12]; // lines of code: up to SHORT it stays with its figure, from LONG on it may be split
    // A chapter's title is at the foot of its pages: pages have names, and a style for each name.
    const runningTitles = document.head.appendChild(document.createElement("style"));
    document.querySelectorAll(".chapter").forEach((chapter, number) => {
        const title = JSON.stringify(chapter.querySelector("h2").textContent);
        chapter.style.page = `chapter-${number}`;
        runningTitles.append(`@page chapter-${number} { @bottom-left { content: ${title}; } }\n`);
    });
    const markLength = code => {
        const lines = code.textContent.trimEnd().split("\n").length;
        code.classList.toggle("short", lines <= SHORT);
        code.classList.toggle("long", lines >= LONG);
    };
    const shrink = (element, share) => {
        if (share >= 1) return;
        const size = parseFloat(getComputedStyle(element).fontSize);
        element.style.fontSize = `${Math.max(share, smallest) * size}px`;
    };
    const fitEquation = equation => {
        const formula = equation.querySelector("mjx-math");
        const share = () => equation.clientWidth / formula.getBoundingClientRect().width;
        equation.parentElement.classList.toggle("wide", share() < 1);
        shrink(equation, share());
    };
    const fitBox = box => {
        const { paddingLeft, paddingRight } = getComputedStyle(box);
        const padding = parseFloat(paddingLeft) + parseFloat(paddingRight);
        shrink(box, (box.clientWidth - padding) / (box.scrollWidth - padding));
    };
    // The style sheet asks for two lines before a break and two after it; of three lines the browser leaves one alone.
    const keepWhole = paragraph => {
        const lines = paragraph.getBoundingClientRect().height / parseFloat(getComputedStyle(paragraph).lineHeight);
        if (lines < 3.5) paragraph.style.breakInside = "avoid";
    };
    const sticksOut = element => {
        const { right, width } = element.getBoundingClientRect();
        return width > 0 && (right > column + 1 || (element.matches("pre, table") && element.scrollWidth > element.clientWidth + 1));
    };
    const described = element => {
        const section = element.closest("[id]")?.id ?? "";
        return `${section}: ${element.localName} ${element.textContent.trim().slice(0, 60)}`;
    };
    // A run of the playground is on a page of the site, and paper has none.
    document.querySelectorAll("a[href*='.html#']:not([href^='http'])").forEach(link => link.removeAttribute("href"));
    document.querySelectorAll("pre").forEach(markLength);
    await MathJax.startup.promise;
    await document.fonts.ready;
    document.querySelectorAll("mjx-container[display='true']").forEach(fitEquation);
    document.querySelectorAll("pre, table").forEach(fitBox);
    document.querySelectorAll("article p").forEach(keepWhole);
    return [...document.querySelectorAll("article *")].filter(sticksOut).map(described);
}
