import type { ModelMessage } from '../providers/model-call.js';
import type { Fields } from './fields.js';
import { badRequest } from './openai-problem.js';

type FilePart = Extract<Extract<ModelMessage, { role: 'user' }>['content'][number], { type: 'file' }>;

/** How images begin that models can look at. */
const IMAGES: readonly (readonly [mediaType: string, signature: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
];

/** An image, a document or a sound of a user's message. */
export function readFile(type: string, part: Fields): FilePart {
  switch (type) {
    case 'image_url':
      return image(part.required('image_url', part.object_('image_url')));
    case 'input_audio':
      return audio(part.required('input_audio', part.object_('input_audio')));
    case 'file':
      return document(part.required('file', part.object_('file')));
    default:
      throw badRequest(part.nameOf('type'), `No content has the type '${type}'; there are text, image_url, input_audio, file.`); // prettier-ignore
  }
}

function image(fields: Fields): FilePart {
  const url = fields.required('url', fields.text('url'));
  const imageDetail = fields.text('detail');
  fields.end();
  const detail = imageDetail === undefined ? {} : { providerOptions: { openai: { imageDetail } } };
  if (/^https?:\/\//i.test(url)) {
    if (!URL.canParse(url))
      throw badRequest(fields.nameOf('url'), `'${fields.nameOf('url')}' is no URL.`, 'invalid_image_url');
    return { type: 'file', data: new URL(url), mediaType: 'image/*', ...detail };
  }
  const { data } = dataUrl(url, fields.nameOf('url'), 'invalid_image_url');
  const start = Buffer.from(data.slice(0, 64), 'base64').toString('latin1');
  const mediaType = IMAGES.find(([, signature]) => signature.test(start))?.[0];
  if (mediaType === undefined)
    throw badRequest(fields.nameOf('url'), `'${fields.nameOf('url')}' is no image: there are PNG, JPEG, GIF and WebP.`, 'invalid_image'); // prettier-ignore
  return { type: 'file', data, mediaType, ...detail };
}

const SOUNDS: Readonly<Record<string, string>> = { wav: 'audio/wav', mp3: 'audio/mpeg' };

function audio(fields: Fields): FilePart {
  const data = base64(fields.required('data', fields.text('data')), fields.nameOf('data'));
  const format = fields.required('format', fields.text('format'));
  fields.end();
  const mediaType = SOUNDS[format];
  if (mediaType === undefined)
    throw badRequest(fields.nameOf('format'), `'${fields.nameOf('format')}' must be wav or mp3.`);
  return { type: 'file', data, mediaType };
}

function document(fields: Fields): FilePart {
  const filename = fields.text('filename');
  const { data, mediaType } = dataUrl(
    fields.required('file_data', fields.text('file_data')),
    fields.nameOf('file_data'),
  );
  fields.end({ file_id: 'files are not kept; send file_data' });
  return { type: 'file', data, mediaType, ...(filename && { filename }) };
}

function dataUrl(url: string, path: string, code?: string): { readonly data: string; readonly mediaType: string } {
  const comma = url.indexOf(',');
  const [, mediaType] = /^data:([\w.+-]+\/[\w.+-]+);base64$/i.exec(url.slice(0, Math.max(0, comma))) ?? [];
  if (mediaType === undefined)
    throw badRequest(path, `'${path}' must be an http URL or a data URL such as data:image/png;base64,...`, code);
  return { data: base64(url.slice(comma + 1), path), mediaType };
}

function base64(text: string, path: string): string {
  if (text === '' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw badRequest(path, `'${path}' is no base64.`);
  return text;
}
