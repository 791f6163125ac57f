// @ts-check
// A result card of 1200 × 630: headline, chart, strongest rival, device and date, as a picture that can be passed on.

/** @import { CardText } from "./types" */

const [WIDTH, HEIGHT, EDGE] = [1200, 630, 48];
/** The chart's size on it. */
export const CHART = /** @type {const} */ ([1104, 300]);

/**
 * Draws a card in the page's colours.
 * @param {CardText} text
 * @param {HTMLCanvasElement} chart
 */
export function drawCard({ title, headline, line, facts, footer }, chart) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: WIDTH, height: HEIGHT });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const style = getComputedStyle(document.body);
  const card = getComputedStyle(/** @type {HTMLElement} */ (document.querySelector(".bench"))).backgroundColor;
  const muted = getComputedStyle(/** @type {HTMLElement} */ (document.querySelector("#comparison"))).color;
  pen.fillStyle = card;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.textBaseline = "top";
  const family = style.fontFamily;
  let y = EDGE - 12;
  /**
   * @param {string} words
   * @param {number} size
   * @param {string} colour
   * @param {number} most lines
   */
  const write = (words, size, colour, most) => {
    pen.font = `${size > 30 ? 650 : 400} ${size}px ${family}`;
    pen.fillStyle = colour;
    for (const row of wrap(pen, words, WIDTH - 2 * EDGE).slice(0, most)) {
      pen.fillText(row, EDGE, y);
      y += size * 1.25;
    }
  };
  write(title, 20, muted, 1);
  write(headline, 36, style.color, 2);
  write(line, 21, muted, 2);
  pen.drawImage(chart, EDGE, HEIGHT - 120 - CHART[1], ...CHART);
  y = HEIGHT - 104;
  write(facts.join("  ·  "), 20, style.color, 2);
  y = HEIGHT - 44;
  write(footer, 18, muted, 1);
  return canvas;
}

/**
 * Words in lines of at most this width.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} text
 * @param {number} width
 */
function wrap(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
