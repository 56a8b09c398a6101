/**
 * Draws surfaces in space: what the program gives as triangles (desktop/documents/surfaces.py says how). Drag turns, drag
 * with the right or middle button moves, the wheel brings it nearer, a double click sets it back.
 */

const VERTEX = `#version 300 es
uniform mat4 view;
uniform mat4 lens;
in vec3 position;
in vec3 normal;
out vec3 toLight;
out vec3 across;
void main() {
  vec4 place = view * vec4(position, 1.0);
  across = mat3(view) * normal;
  toLight = -place.xyz;
  gl_Position = lens * place;
}`;

// Lit from where one looks from, on both sides: models are often open, or their triangles turned inside out.
const FRAGMENT = `#version 300 es
precision highp float;
uniform vec4 color;
in vec3 toLight;
in vec3 across;
out vec4 shown;
void main() {
  float facing = abs(dot(normalize(across), normalize(toLight)));
  float shine = pow(facing, 40.0) * 0.25;
  shown = vec4(color.rgb * (0.18 + 0.82 * facing) + shine, color.a);
}`;

/** Reads what the program gives: { header, numbers }. */
export function readMesh(data) {
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  return { header, numbers: new Float32Array(data, 4 + length) };
}

/** Shows a mesh in a canvas, until the function that is returned is called. */
export function showSurface(canvas, data) {
  const { header, numbers } = readMesh(data);
  const gl = canvas.getContext('webgl2', { antialias: true, preserveDrawingBuffer: true });
  if (!gl) {
    throw new Error('This computer cannot draw in three dimensions (WebGL 2 is missing).');
  }
  const program = link(gl);
  const at = name => gl.getUniformLocation(program, name);
  const uniforms = { view: at('view'), lens: at('lens'), color: at('color') };
  const parts = header.surfaces
    .filter(surface => surface.triangles)
    .map(surface => ({ surface, array: load(gl, program, surface, numbers) }))
    // What can be seen through comes last.
    .sort((one, other) => other.surface.opacity - one.surface.opacity);
  const [low, high] = header.bounds;
  const middle = low.map((value, axis) => (value + high[axis]) / 2);
  const radius = Math.max(Math.hypot(...low.map((value, axis) => high[axis] - value)) / 2, 1e-6);
  const start = () => ({ turn: FROM_THE_FRONT, distance: 3, x: 0, y: 0 });
  let seen = start();
  let waiting = 0;

  function draw() {
    waiting = 0;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE);
    gl.useProgram(program);
    gl.uniformMatrix4fv(uniforms.view, false, place(seen, middle, radius));
    gl.uniformMatrix4fv(uniforms.lens, false, lens(canvas.width / canvas.height, seen.distance));
    for (const { surface, array } of parts) {
      gl.depthMask(surface.opacity === 1);
      gl.uniform4f(uniforms.color, ...surface.color, surface.opacity);
      gl.bindVertexArray(array);
      gl.drawArrays(gl.TRIANGLES, 0, 3 * surface.triangles);
    }
    gl.depthMask(true);
  }

  const redraw = () => (waiting ||= requestAnimationFrame(draw));
  const stopListening = listen(canvas, {
    turn(dx, dy) {
      seen.turn = multiply(multiply(turnX(dy * 0.01), turnY(dx * 0.01)), seen.turn);
      redraw();
    },
    move(dx, dy) {
      const step = seen.distance / canvas.clientHeight;
      seen.x += dx * step;
      seen.y -= dy * step;
      redraw();
    },
    approach(factor) {
      seen.distance = Math.min(Math.max(seen.distance * factor, 0.3), 30);
      redraw();
    },
    reset() {
      seen = start();
      redraw();
    },
  });
  const watcher = new ResizeObserver(redraw);
  watcher.observe(canvas);
  draw();
  return () => {
    watcher.disconnect();
    stopListening();
    cancelAnimationFrame(waiting);
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  };
}

function link(gl) {
  const program = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    throw new Error('The surface cannot be drawn with this graphics driver.');
  }
  return program;
}

function load(gl, program, { triangles, positions, normals }, numbers) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  for (const [name, from] of [
    ['position', positions],
    ['normal', normals],
  ]) {
    const place = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, numbers.subarray(from, from + 9 * triangles), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
  }
  return array;
}

function listen(canvas, { turn, move, approach, reset }) {
  const stop = new AbortController();
  const on = (name, handle, options) => canvas.addEventListener(name, handle, { signal: stop.signal, ...options });
  on('pointerdown', event => canvas.setPointerCapture(event.pointerId));
  on('pointermove', event => {
    if (event.buttons) {
      (event.buttons === 1 && !event.shiftKey ? turn : move)(event.movementX, event.movementY);
    }
  });
  on(
    'wheel',
    event => {
      event.preventDefault();
      approach(Math.exp(event.deltaY * 0.001));
    },
    { passive: false }
  );
  on('dblclick', event => {
    // OHIF would put the viewport in front.
    event.stopPropagation();
    reset();
  });
  on('contextmenu', event => event.preventDefault());
  return () => stop.abort();
}

// Matrices are columns, one after another, as WebGL has them.

/** The patient's front: right of the patient on the left, head up (x to the left, y to the back, z to the head). */
const FROM_THE_FRONT = [1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];

function multiply(a, b) {
  return Array.from({ length: 16 }, (_, place) => {
    const [row, column] = [place % 4, place - (place % 4)];
    return a[row] * b[column] + a[row + 4] * b[column + 1] + a[row + 8] * b[column + 2] + a[row + 12] * b[column + 3];
  });
}

function turnX(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [1, 0, 0, 0, 0, c, s, 0, 0, -s, c, 0, 0, 0, 0, 1];
}

function turnY(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1];
}

/** From the model's space to the eye's: its middle first, of radius 1, then turned, then moved away. */
function place({ turn, distance, x, y }, middle, radius) {
  const scale = 1 / radius;
  const fit = [scale, 0, 0, 0, 0, scale, 0, 0, 0, 0, scale, 0, ...middle.map(value => -value * scale), 1];
  const away = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, -distance, 1];
  return multiply(away, multiply(turn, fit));
}

function lens(aspect, distance) {
  const [near, far] = [Math.max(distance - 1.5, 0.01), distance + 1.5];
  const focus = 1 / Math.tan(Math.PI / 8);
  const [wide, high] = aspect > 1 ? [focus / aspect, focus] : [focus, focus * aspect];
  return [wide, 0, 0, 0, 0, high, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0];
}
