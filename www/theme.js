// @ts-check
// Sets a remembered theme before the first paint. A classic script in the head: a module would run
// too late, and the page would flash. Without a choice the style sheet follows the system.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: then the system's theme it is.
}
