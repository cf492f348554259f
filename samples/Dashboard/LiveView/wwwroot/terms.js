// What a term means, shown beside it while the pointer is on it or the keyboard is.
const gap = 6;

/** Makes the element a term: its explanation is shown on hover, on focus and on touch. */
export function explain(element, text) {
  element.classList.add("live-term");
  element.tabIndex = 0;
  element.dataset.explanation = text;
}

/** Shows the explanations of all terms of the page, one at a time. Escape hides it. */
export function showExplanations() {
  if (document.getElementById("live-explanation")) {
    return;
  }

  const box = document.createElement("div");
  box.id = "live-explanation";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  // Within the landmark, as all content is.
  (document.querySelector("main") ?? document.body).append(box);
  let shown;
  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = undefined;
    box.hidden = true;
  };
  const show = term => {
    if (term === shown) {
      return;
    }

    hide();
    shown = term;
    box.textContent = term.dataset.explanation;
    box.hidden = false;
    term.setAttribute("aria-describedby", box.id);
    place(box, term.getBoundingClientRect());
  };
  const termOf = target => (target instanceof Element ? target.closest("[data-explanation]") : null);
  document.addEventListener("focusin", event => {
    const term = termOf(event.target);
    term ? show(term) : hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerover", event => {
    const term = termOf(event.target);
    if (term) {
      show(term);
    } else if (!box.contains(event.target)) {
      // The pointer may go over the explanation; a term with the focus keeps its own.
      const focused = termOf(document.activeElement);
      focused && shown === focused ? show(focused) : hide();
    }
  });
  document.addEventListener("keydown", event => event.key === "Escape" && hide());
  addEventListener("scroll", hide, { passive: true, capture: true });
}

/** Below the term, or above it where the window ends, and never beyond the window's sides. */
function place(box, term) {
  const { width, height } = box.getBoundingClientRect();
  const below = term.bottom + gap;
  box.style.left = `${Math.max(gap, Math.min(term.left, document.documentElement.clientWidth - width - gap))}px`;
  box.style.top = `${below + height > innerHeight ? Math.max(gap, term.top - gap - height) : below}px`;
}
