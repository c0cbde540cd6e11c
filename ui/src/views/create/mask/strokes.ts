// What was painted, as a list of strokes: undo takes the last one away, inverting is a stroke of its own.
// Coordinates are pixels of the picture, whatever size it is shown at.

export interface Point {
  x: number;
  y: number;
}

export type Stroke =
  | { kind: "paint" | "erase"; size: number; points: Point[] }
  | { kind: "invert" }
  | { kind: "fill"; image: CanvasImageSource };

/** Draw all strokes: white is what the engine repaints, black is kept. */
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
    } else line(context, stroke.points, stroke.size, stroke.kind === "paint" ? "white" : "black");
  }
}

function line(context: CanvasRenderingContext2D, points: Point[], size: number, colour: string): void {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = size;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  if (points.length === 1) context.lineTo(points[0]!.x + 0.01, points[0]!.y); // a dot
  context.stroke();
}

/** Where the pointer is in the picture, given where the picture is on the screen. */
export function pointIn(
  box: { left: number; top: number; width: number; height: number },
  picture: { width: number; height: number },
  pointer: { clientX: number; clientY: number },
): Point {
  return {
    x: ((pointer.clientX - box.left) * picture.width) / box.width,
    y: ((pointer.clientY - box.top) * picture.height) / box.height,
  };
}
