// A mask as a list of strokes, so that undo just removes the last one; inverting counts as a stroke. Coordinates are
// pixels of the picture, independent of the size at which it is displayed.

export interface Point {
  x: number;
  y: number;
}

export type Stroke =
  | { kind: "paint" | "erase"; size: number; points: Point[] }
  | { kind: "invert" }
  | { kind: "fill"; image: CanvasImageSource };

/** Draw all strokes. The engine repaints white areas and keeps black ones. */
export function draw(canvas: HTMLCanvasElement, strokes: readonly Stroke[]): void {
  const { width, height } = canvas;
  const context = canvas.getContext("2d")!;
  context.globalCompositeOperation = "source-over";
  context.fillStyle = "black";
  context.fillRect(0, 0, width, height);
  for (const stroke of strokes) {
    if (stroke.kind === "invert") {
      context.globalCompositeOperation = "difference";
      context.fillStyle = "white";
      context.fillRect(0, 0, width, height);
      context.globalCompositeOperation = "source-over";
    } else if (stroke.kind === "fill") {
      context.drawImage(stroke.image, 0, 0, width, height);
    } else drawLine(context, stroke.points, stroke.size, stroke.kind === "paint" ? "white" : "black");
  }
}

function drawLine(context: CanvasRenderingContext2D, points: Point[], size: number, colour: string): void {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = size;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  if (points.length === 1) context.lineTo(points[0]!.x + 0.01, points[0]!.y); // makes a click without movement a dot
  context.stroke();
}

/** Convert the position of the pointer to pixels of the picture, which is displayed in `box`. */
export function toPicturePoint(
  box: { left: number; top: number; width: number; height: number },
  picture: { width: number; height: number },
  pointer: { clientX: number; clientY: number },
): Point {
  return {
    x: ((pointer.clientX - box.left) * picture.width) / box.width,
    y: ((pointer.clientY - box.top) * picture.height) / box.height,
  };
}
