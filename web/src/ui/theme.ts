// Dark or light: what the system says until a person chooses.
import { computed, effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const key = "muster.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
const stored = localStorage.getItem(key);
const chosen = signal<Theme | undefined>(stored === "light" || stored === "dark" ? stored : undefined);

export const theme = computed<Theme>(() => chosen.value ?? (systemDark.value ? "dark" : "light"));

export function switchTheme(): void {
  chosen.value = theme.peek() === "dark" ? "light" : "dark";
  localStorage.setItem(key, chosen.value);
}

export function startTheme(): void {
  system.addEventListener("change", (e) => {
    systemDark.value = e.matches;
  });
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}
