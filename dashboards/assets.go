package dashboards

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"invoq"
)

// Asset is a file that pages load: a style sheet, a script, a picture.
type Asset struct {
	// Content is the file; do not change it.
	Content []byte
	// Type is its media type.
	Type string
	// Version changes with the content. Pages ask for it, so that a browser may
	// keep what it has for ever.
	Version string
	zipped  func() []byte
}

// Zipped returns the content compressed by gzip. It is compressed once.
func (a *Asset) Zipped() []byte { return a.zipped() }

// newAsset names a file's version after its content.
func newAsset(name string, content []byte) *Asset {
	sum := sha256.Sum256(content)
	return &Asset{
		Content: content,
		Type:    mediaType(name),
		Version: hex.EncodeToString(sum[:6]),
		zipped: sync.OnceValue(func() []byte {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			// Writing to a buffer does not fail.
			_, _ = w.Write(content)
			_ = w.Close()
			return b.Bytes()
		}),
	}
}

// mediaType does not ask the machine, which may have other ideas.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// readAssets reads every asset, by its name.
func readAssets(files fs.FS) (map[string]*Asset, error) {
	all := map[string]*Asset{}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "assets/")
		all[name] = newAsset(name, content)
		return nil
	})
	return all, err
}

// Asset returns a file by its path below /assets/.
func (p *Pages) Asset(name string) (*Asset, error) {
	a := p.assets[name]
	if a == nil {
		return nil, invoq.Errorf(invoq.KindNotFound, "no asset %q", name)
	}
	return a, nil
}

// url is the address of an asset in its present version.
func (p *Pages) url(name string) (string, error) {
	a, err := p.Asset(name)
	if err != nil {
		return "", err
	}
	return "/assets/" + name + "?v=" + a.Version, nil
}
