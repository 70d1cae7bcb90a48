// Numbers and times as people read them.

export function mebibytes(mb) {
  if (mb === null || mb === undefined) return "–";
  return mb < 1024 ? `${Math.round(mb)} MiB` : `${(mb / 1024).toFixed(1)} GiB`;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  return count < 1048576 ? `${Math.round(count / 1024)} KiB` : mebibytes(count / 1048576);
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 90) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 90 ? `${minutes} min` : `${(value / 3600).toFixed(1)} h`;
}

export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.floor(share * 100)} %`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function words(name) {
  return name.replaceAll("_", " ").toLowerCase();
}

export function sentence(name) {
  const plain = words(name);
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

export function clock(iso) {
  return new Date(iso).toLocaleTimeString("en-GB");
}

export function moment(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(iso).slice(0, 5) : date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

export function between(start, end) {
  return (new Date(end) - new Date(start)) / 1000;
}
