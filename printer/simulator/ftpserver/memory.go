package ftpserver

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"
)

// Memory is a Disk in memory. It has the folders that its files are in, and
// the root. The zero Memory is empty.
type Memory struct {
	mu    sync.Mutex
	files map[string]kept
}

// kept is one file and the date that clients are told.
type kept struct {
	data []byte
	at   time.Time
}

// Put makes a file, or another one of it; nobody may change data after that.
func (m *Memory) Put(name string, data []byte, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string]kept{}
	}
	m.files[name] = kept{data, at}
}

// Bytes is what a file holds, nil when there is none.
func (m *Memory) Bytes(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[name].data
}

// Stat tells of one path.
func (m *Memory) Stat(name string) (File, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.files[name]; ok {
		return File{Path: name, Size: int64(len(f.data)), Time: f.at}, true
	}
	for file := range m.files {
		if path.Dir(file) == name {
			return File{Path: name, Folder: true}, true
		}
	}
	return File{Path: name, Folder: true}, name == "/"
}

// List are the entries of a folder, by name.
func (m *Memory) List(folder string) []File {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []File
	for name, f := range m.files {
		switch dir := path.Dir(name); {
		case dir == folder:
			list = append(list, File{Path: name, Size: int64(len(f.data)), Time: f.at})
		case path.Dir(dir) == folder && !slices.ContainsFunc(list, func(o File) bool { return o.Path == dir }):
			list = append(list, File{Path: dir, Folder: true, Time: f.at})
		}
	}
	slices.SortFunc(list, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// Open opens a file for reading.
func (m *Memory) Open(name string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("there is no %s", name)
	}
	return io.NopCloser(bytes.NewReader(f.data)), nil
}
