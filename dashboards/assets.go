package dashboards

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"invoq"
)

// Asset is a file that pages load: a style sheet, a script, a picture.
type Asset struct {
	// Type is its media type.
	Type string
	// Version changes with the content. Pages ask for it, so that a browser may
	// keep what it has for ever.
	Version string
	// Content returns the file. It is read anew each time: most browsers ask for
	// it compressed, and a copy that nobody asks for would stay in memory.
	Content func() ([]byte, error)
	// Zipped returns the content compressed by gzip. It is compressed once; do
	// not change it.
	Zipped func() ([]byte, error)
}

// newAsset describes a file, whose version is named after its content.
func newAsset(files fs.FS, name string) (*Asset, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	a := &Asset{
		Type:    mediaType(name),
		Version: hex.EncodeToString(sum.Sum(nil)[:6]),
		Content: func() ([]byte, error) { return fs.ReadFile(files, name) },
	}
	a.Zipped = sync.OnceValues(func() ([]byte, error) {
		content, err := a.Content()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err = w.Write(content)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	})
	return a, nil
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

// readAssets returns every asset, by its name.
func readAssets(files fs.FS) (map[string]*Asset, error) {
	all := map[string]*Asset{}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[strings.TrimPrefix(name, "assets/")], err = newAsset(files, name)
		return err
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
