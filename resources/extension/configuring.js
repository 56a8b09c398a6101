/**
 * Joins the user's configuration of OHIF, if there is one, with the program's. A classic script: it runs before the
 * user's file, which runs before /app-config.js, and that calls what stands here.
 */

(() => {
  /** What the program knows better: where its images are. */
  const OURS = ['dataSources', 'defaultDataSourceName', 'routerBasename', 'showStudyList'];
  const LISTS = ['extensions', 'modes'];

  const users = new URL('../ohif.js', document.currentScript.src).href;
  let trouble = '';

  function note({ filename, message, lineno }) {
    if (filename === users) {
      trouble ||= `${message} (line ${lineno})`;
    }
  }
  addEventListener('error', note);

  /**
   * Returns what OHIF is given.
   * @param users what the user's file has set
   * @param ours what the program wants
   * @param file { name, fault } of the user's file; null if there is none
   */
  window.completeConfig = (users, ours, file) => {
    removeEventListener('error', note);
    delete window.completeConfig;
    if (!file) {
      return ours;
    }
    const fault = file.fault || trouble || faultOf(users);
    if (fault) {
      warn(file.name, fault);
      return ours;
    }
    if (typeof users !== 'function') {
      return complete(users, ours);
    }
    // OHIF takes a function, too, and calls it when it starts.
    return async given => {
      try {
        const made = await users(given);
        const why = typeof made === 'function' ? faultOf(undefined) : faultOf(made);
        if (why) {
          throw new Error(why);
        }
        return complete(made, ours);
      } catch (error) {
        warn(file.name, String(error?.message ?? error));
        return ours;
      }
    };
  };

  function faultOf(config) {
    if (typeof config === 'function') {
      return '';
    }
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      return 'It does not set window.config to an object.';
    }
    const odd = LISTS.find(name => config[name] !== undefined && !Array.isArray(config[name]));
    return odd ? `Its “${odd}” is no list.` : '';
  }

  function complete(users, ours) {
    const known = Object.fromEntries(OURS.map(name => [name, ours[name]]));
    return { ...ours, ...users, ...known, extensions: [...(users.extensions ?? []), ...ours.extensions] };
  }

  function warn(name, fault) {
    const text = `${name}: ${fault} OHIF uses its default configuration. Mend or remove ${name}, then load this page again.`;
    console.error(text);
    const show = () => document.body.append(makeBar(text));
    if (document.body) {
      show();
    } else {
      addEventListener('DOMContentLoaded', show);
    }
  }

  function makeBar(text) {
    const bar = document.createElement('div');
    bar.className = 'negatoscope-config';
    bar.setAttribute('role', 'alert');
    bar.style.cssText =
      'position:fixed;inset:0 0 auto 0;z-index:10000;display:flex;gap:1em;align-items:center;padding:8px 16px;' +
      'background:#7a1f1f;color:#fff;font:14px sans-serif;white-space:pre-wrap';
    const said = document.createElement('span');
    said.style.flex = '1';
    said.textContent = text;
    const close = document.createElement('button');
    close.textContent = 'Close';
    close.style.cssText = 'padding:2px 12px;border:1px solid #fff;background:transparent;color:#fff;cursor:pointer';
    close.onclick = () => bar.remove();
    bar.append(said, close);
    return bar;
  }
})();
