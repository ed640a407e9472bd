// Plays the animations of a report: each frame is a text and the data of the paths that are drawn over the pictures.
for (const player of document.querySelectorAll(".player")) {
  const frames = JSON.parse(player.dataset.frames);
  const paths = player.querySelectorAll("path[data-moving]");
  const slider = player.querySelector("input");
  const label = player.querySelector("output");
  const [first, back, play, forward, last] = player.querySelectorAll("button");
  let timer = 0;

  const show = (i) => {
    const [text, lines] = frames[i];
    lines.forEach((line, p) => paths[p].setAttribute("d", line));
    label.textContent = text;
    slider.value = i;
    slider.setAttribute("aria-valuetext", text);
    player.dataset.frame = i;
  };
  const at = () => Number(slider.value);
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    label.setAttribute("aria-live", "polite");
  };
  const step = (by) => {
    pause();
    show(Math.min(frames.length - 1, Math.max(0, at() + by)));
  };
  const start = () => {
    if (at() === frames.length - 1) show(0);
    play.textContent = "Pause";
    // A screen reader is not told of every frame that passes.
    label.setAttribute("aria-live", "off");
    timer = setInterval(() => (at() + 1 < frames.length ? show(at() + 1) : pause()), 200);
  };

  first.addEventListener("click", () => step(-frames.length));
  back.addEventListener("click", () => step(-1));
  play.addEventListener("click", () => (timer ? pause() : start()));
  forward.addEventListener("click", () => step(1));
  last.addEventListener("click", () => step(frames.length));
  slider.addEventListener("input", () => { pause(); show(at()); });
  player.querySelector(".controls").hidden = false;
  show(frames.length - 1);
}
