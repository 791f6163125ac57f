import { StrictMode, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { load } from "perforate";
import { decode } from "./images.js";

/** Loads the model and the images once, outside of React: effects run twice in development. */
const ready = Promise.all([load("routed.onnx"), fetch("images.json").then((answer) => answer.json()).then(decode)]);

function App() {
  const [loaded, setLoaded] = useState(null);
  const [fault, setFault] = useState(null);
  useEffect(() => {
    ready.then(setLoaded, setFault);
  }, []);
  if (fault) return <p role="alert">{fault.message}</p>;
  return loaded ? <Gallery model={loaded[0]} images={loaded[1]} /> : <p>Loading the model …</p>;
}

function Gallery({ model, images }) {
  const [knob] = model.knobs;
  const [threshold, setThreshold] = useState(knob.default);
  const [result, setResult] = useState(null);

  useEffect(() => {
    let current = true;
    // All images in one batch: each row takes its own path.
    const x = { data: images.pixels, dims: [images.count, 1, 28, 28] };
    model.run({ x }, { threshold }).then((result) => current && setResult(result));
    return () => {
      current = false;
    };
  }, [model, images, threshold]);

  return (
    <main>
      <label>
        Threshold {threshold.toFixed(2)}{" "}
        <input type="range" min="0" max="1" step="0.05" value={threshold} onChange={(event) => setThreshold(Number(event.target.value))} />
      </label>
      {result && <Rows images={images} result={result} />}
    </main>
  );
}

function Rows({ images, result }) {
  const { outputs, paths, macs } = result;
  const full = paths.filter((path) => path === "full").length;
  return (
    <>
      <p id="summary">
        {full} of {paths.length} images took the full network.
      </p>
      <table>
        <thead>
          <tr>
            <th>Image</th>
            <th>Answer</th>
            <th>Path</th>
            <th>Multiply-accumulates</th>
          </tr>
        </thead>
        <tbody>
          {paths.map((path, row) => (
            <tr key={row} data-path={path}>
              <td>
                <Picture pixels={images.row(row)} />
              </td>
              <td>{images.best(outputs.logits.data, row)}</td>
              <td>{path}</td>
              <td>{macs[row].toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Picture({ pixels }) {
  const canvas = useRef(null);
  useEffect(() => {
    const picture = new ImageData(28, 28);
    pixels.forEach((value, ix) => picture.data.fill(255 * value, 4 * ix, 4 * ix + 3).fill(255, 4 * ix + 3, 4 * ix + 4));
    canvas.current.getContext("2d").putImageData(picture, 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} width={28} height={28} />;
}

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
