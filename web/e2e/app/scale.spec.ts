import { expect, test } from "./fixture";

test.use({ map: true });

/** In the page: the main-thread times in ms of so many frames that the map draws. */
function frameTimes(wanted: number): Promise<number[]> {
  return new Promise((resolve) => {
    const times: number[] = [];
    let seen = window.musterMap?.frames ?? 0;
    const look = () => {
      const { frames, frameMs } = window.musterMap ?? { frames: 0, frameMs: Number.NaN };
      if (frames !== seen) times.push(frameMs);
      seen = frames;
      if (times.length < wanted) requestAnimationFrame(look);
      else resolve(times);
    };
    look();
  });
}

test("a thousand moving robots take little of the page's time", async ({ page, lever }) => {
  await lever("many");
  await page.goto("/");
  await expect(page.getByText("1000 robots", { exact: true })).toBeVisible();
  await expect.poll(() => page.evaluate(() => window.musterMap?.robots().length)).toBe(1000);
  // Of the list only the rows in sight are on the page.
  const rows = page.getByRole("list", { name: "Robots" }).getByRole("listitem");
  await expect(rows.first()).toBeVisible();
  expect(await rows.count()).toBeLessThan(60);
  const times = await page.evaluate(frameTimes, 21);
  // The quick quarter: what the page needs, not what other programs took from it.
  const quarter = times.sort((a, b) => a - b)[Math.floor(times.length / 4)] ?? Number.NaN;
  console.log(`main-thread time of a frame with 1,000 robots: ${quarter.toFixed(1)} ms`);
  expect(quarter).toBeLessThan(16);
});
