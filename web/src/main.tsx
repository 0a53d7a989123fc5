import "@fontsource-variable/inter";
import "./ui/base.css";
import "./ui/layout.css";
import "./ui/parts.css";
import "./ui/map.css";
import { render } from "preact";
import { app } from "./pages/app";
import { Shell } from "./pages/shell";
import { startClock } from "./store/clock";
import { startRouting } from "./ui/route";
import { startTheme } from "./ui/theme";

startTheme();
startRouting();
startClock();
app.start();
const root = document.getElementById("app");
if (root !== null) render(<Shell />, root);
