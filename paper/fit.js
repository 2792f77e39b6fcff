// Run in the document, as it will be printed: `column` is the width of its text in px, `smallest` the least share of its
// size that something may be shrunk to. Waits until all is set, makes what is too wide fit, and returns what does not.
async ({ column, smallest }) => {
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
    // Two lines before a break and two after it are asked for; of three lines the browser would leave one alone.
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
    await MathJax.startup.promise;
    await document.fonts.ready;
    document.querySelectorAll("mjx-container[display='true']").forEach(fitEquation);
    document.querySelectorAll("pre, table").forEach(fitBox);
    document.querySelectorAll("article p").forEach(keepWhole);
    return [...document.querySelectorAll("article *")].filter(sticksOut).map(described);
}
