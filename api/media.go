package api

import "regexp"

// extensions is the allow-list of /result.EXT and of files: what a browser may
// be told the bytes are. HTML and SVG are shown under the sandbox, which gives
// them neither an origin nor scripts. Anything else is offered for saving.
var extensions = map[string]string{
	"txt": "text/plain; charset=utf-8", "log": "text/plain; charset=utf-8", "md": "text/plain; charset=utf-8",
	"csv": "text/csv; charset=utf-8", "tsv": "text/tab-separated-values; charset=utf-8",
	"json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf",
	"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
	"bmp": "image/bmp", "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff", "avif": "image/avif",
	"mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac", "m4a": "audio/mp4",
	"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mkv": "video/x-matroska",
}

const mediaBytes = "application/octet-stream"

// ending is what /result.EXT may end with. Those that are not in the list are saved.
var ending = regexp.MustCompile(`^[A-Za-z0-9]{1,16}$`)
