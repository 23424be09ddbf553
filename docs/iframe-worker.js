// The search of a page that was opened from a disk: browsers allow such a page no Worker, so its script runs in a frame.
// The name of this file is one that mkdocs-material looks for; otherwise it would load such a script from a server.
'use strict'

if (location.protocol === 'file:') {
  window.Worker = class extends EventTarget {
    constructor (url) {
      super()
      this.frame = document.createElement('iframe')
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      // The script's postMessage is that of a worker: to the page.
      inside.postMessage = data => {
        const event = new MessageEvent('message', { data })
        this.dispatchEvent(event)
        if (this.onmessage) this.onmessage(event)
      }
      inside.importScripts = (...urls) => urls.reduce((done, each) => done.then(() => this.load(each)), Promise.resolve())
      this.ready = this.load(url)
    }

    load (url) {
      return new Promise((resolve, reject) => {
        const script = this.frame.contentDocument.createElement('script')
        Object.assign(script, { src: url, onload: resolve, onerror: reject })
        this.frame.contentDocument.body.append(script)
      })
    }

    postMessage (data) {
      this.ready.then(() => {
        const inside = this.frame.contentWindow
        inside.dispatchEvent(new inside.MessageEvent('message', { data }))
      })
    }

    terminate () {
      this.frame.remove()
    }
  }
}
