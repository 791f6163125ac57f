import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The model and the images, which all examples share.
  publicDir: "../shared",
});
