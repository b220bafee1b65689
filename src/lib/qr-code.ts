/** A text as a QR code (ISO/IEC 18004), in a PNG. */
import { PNG } from 'pngjs';
import qrcode from 'qrcode-generator';

/** Light modules around it: the standard asks for four. */
const QUIET = 4;
const WHITE = 255;

/** `size`: pixels on each side, more only where a module would be less than one. */
export function qrCode(text: string, size: number): Buffer {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const modules = code.getModuleCount();
  const scale = Math.max(1, Math.floor(size / (modules + 2 * QUIET)));
  const edge = Math.max(size, (modules + 2 * QUIET) * scale);
  const margin = Math.floor((edge - modules * scale) / 2);
  const pixels = Buffer.alloc(edge * edge, WHITE);
  for (let row = 0; row < modules * scale; row += 1) {
    for (let column = 0; column < modules * scale; column += 1) {
      if (code.isDark(Math.floor(row / scale), Math.floor(column / scale))) {
        pixels[(margin + row) * edge + margin + column] = 0;
      }
    }
  }
  const image = new PNG({ width: edge, height: edge });
  image.data = pixels;
  return PNG.sync.write(image, { colorType: 0, inputColorType: 0, inputHasAlpha: false, bitDepth: 8 });
}
