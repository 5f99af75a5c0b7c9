// Saves what is selected as a file.

import { query, request } from './api.js';
import { sessionKey } from './sessionkey.js';

/** @param {{filter: string, sender: string}} selection @param {'ndjson'|'spreadsheet'} format */
export async function exportFile(selection, format) {
  const address = '/api/export' + query({ ...selection, format });
  if (!sessionKey.known) {
    save(address, ''); // the browser writes it as it comes
    return;
  }
  const response = await request(address); // a link could not send the session's key
  const name = /filename=([\w.-]+)/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'hellox.' + (format === 'ndjson' ? format : 'csv');
  const url = URL.createObjectURL(await response.blob());
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function save(href, name) {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}
