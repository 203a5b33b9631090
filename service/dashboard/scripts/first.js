/** Before anything is drawn: which door, which colours; and what the first view needs is asked for. */

"use strict";
{
  const root = document.documentElement;
  const colours = localStorage.getItem("partialpool-theme");
  if (colours) root.dataset.theme = colours;
  root.dataset.door = location.hash.startsWith("#/analyst") ? "analyst" : "home";
  const key = sessionStorage.getItem("partialpool-key");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const wanted = root.dataset.door === "home" ? document.currentScript.dataset.ask.split(" ") : [];
  // A request that fails is made again by who needs it, and is told of there.
  window.early = new Map(wanted.map((path) => [path, fetch(path, { headers }).catch(() => null)]));
}
