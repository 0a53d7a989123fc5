// The build empties dist; Go embeds the folder and git keeps it by this file.
import { writeFileSync } from "node:fs";

writeFileSync(new URL("../dist/.gitkeep", import.meta.url), "");
