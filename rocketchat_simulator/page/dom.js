// Building the page. Text from outside only ever becomes text nodes.

/** Make an element; `on…` properties are listeners, empty ones (null, false) are left out. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make `container` hold exactly these children, touching only what differs. */
export function arrange(container, children) {
  const wanted = new Set(children);
  for (const child of [...container.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, position) => {
    const present = container.children[position];
    if (present !== child) container.insertBefore(child, present ?? null);
  });
}

/** Say something in passing, on the screen and to screen readers. */
export function announce(text) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.classList.add("shown");
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => notice.classList.remove("shown"), 4000);
}

/** A value in code letters with a button that copies it. */
export function copyable(label, value) {
  const code = el("code", { class: "copyable-value" }, value);
  const button = el(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": `Copy ${label}`,
      onclick: () => copy(code, label),
    },
    "Copy",
  );
  return el("span", { class: "copyable" }, code, button);
}

async function copy(code, label) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    announce(`Copied: ${label}`);
  } catch {
    getSelection().selectAllChildren(code);
    announce("Selected: copy it with the keyboard");
  }
}
