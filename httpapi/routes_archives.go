package httpapi

import (
	"net/http"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/auth"
)

// archiveRoutes are the endpoints of the record of prints.
func archiveRoutes() []row {
	one := describeArchive(exampleRecord())
	return []row{
		{
			method: http.MethodGet, path: base + "/archives", aliases: []string{base + "/archives/search"}, scope: auth.ArchivesRead, class: classRead, audit: "archives.list", fails: []int{http.StatusNotFound},
			next: []string{"archives.get", "archives.edit", "archives.delete"},
			tag:  "Archives", summary: "The prints, the newest first", example: []Archive{one},
			more: "An array; envelope=true gives an object with total and archives.", serve: serve((*api).archives),
		},
		{
			method: http.MethodGet, path: base + "/archives/export", scope: auth.ArchivesRead, class: classWrite, audit: "archives.export", fails: []int{http.StatusNotFound},
			tag: "Archives", summary: "The prints as a file", example: "id,name\n", serve: serveExport((*api).exportArchives),
		},
		{
			method: http.MethodGet, path: base + "/archives/stats", scope: auth.StatsRead, class: classRead, audit: "archives.stats", fails: []int{http.StatusNotFound},
			tag: "Statistics", summary: "Sums over prints, in Bambuddy's words", example: describeStats(archive.Statistics{}), serve: serve((*api).stats),
		},
		{
			method: http.MethodGet, path: base + "/archives/slim", scope: auth.ArchivesRead, class: classRead, audit: "archives.slim", fails: []int{http.StatusNotFound},
			tag: "Archives", summary: "The prints in a few fields, the newest first", example: []SlimArchive{one.slim()}, serve: serve((*api).slim),
		},
		{
			method: http.MethodGet, path: base + "/archives/analysis/failures", scope: auth.StatsRead, class: classRead, audit: "archives.failures", fails: []int{http.StatusNotFound},
			tag: "Statistics", summary: "What failed prints have in common", example: describeFailures(archive.Failures{}, 30),
			more: "Of the last 30 days, unless asked for others.", serve: serve((*api).failures),
		},
		{
			method: http.MethodPost, path: base + "/archives/recalculate-costs", scope: auth.ArchivesWrite, class: classWrite, audit: "archives.costs",
			tag: "Archives", summary: "Reckon the prints' costs again", example: repriced(3).Body, fails: []int{http.StatusConflict},
			more: "At the prices of filament that are set now. Otherwise a changed price counts for new prints alone.", serve: serve((*api).reprice),
		},
		{
			method: http.MethodPost, path: base + "/archives/{id}/reprint", scope: auth.PrintersControl, class: classControl, audit: "archives.reprint", fails: []int{http.StatusNotImplemented},
			tag: "Not yet", summary: "Print it again; not there yet", more: noReprint, example: Done{}, serve: absent(base+"/archives/{id}/reprint", noReprint),
		},
		{
			method: http.MethodGet, path: base + "/archives/{id}/thumbnail", scope: auth.ArchivesRead, class: classRead, audit: "archives.thumbnail",
			tag: "Archives", summary: "The picture of a print's plate", example: "", more: "Those of prints of long ago may have been dropped.", serve: serveImage((*api).thumbnail),
		},
		{
			method: http.MethodGet, path: base + "/archives/{id}/samples", scope: auth.ArchivesRead, class: classRead, audit: "archives.samples",
			tag: "Archives", summary: "A print's values, minute by minute", example: describeSamples(12, nil), more: "Kept of the newest prints; a long print has fewer.", serve: serve((*api).samples),
		},
		{
			method: http.MethodGet, path: base + "/archives/{id}/runs", scope: auth.ArchivesRead, class: classRead, audit: "archives.runs",
			tag: "Archives", summary: "The runs of a print", example: one.runs(), more: "Each run has a print of its own here, so it is one.", serve: serve((*api).runs),
		},
		{
			method: http.MethodGet, path: base + "/archives/{id}", scope: auth.ArchivesRead, class: classRead, audit: "archives.get",
			tag: "Archives", summary: "One print", example: one, serve: serve((*api).archive),
		},
		{
			method: http.MethodPatch, path: base + "/archives/{id}", scope: auth.ArchivesWrite, class: classWrite, audit: "archives.edit",
			tag: "Archives", summary: "Write on a print", example: one, more: "A JSON merge patch: null takes away what was written.", serve: serve((*api).editArchive),
		},
		{
			method: http.MethodDelete, path: base + "/archives/{id}", scope: auth.ArchivesWrite, class: classWrite, audit: "archives.delete",
			tag: "Archives", summary: "Delete a print", example: Done{Status: "deleted", Message: "Archive deleted"}, serve: serve((*api).deleteArchive),
		},
		{
			method: http.MethodGet, path: base + "/statistics", scope: auth.StatsRead, class: classRead, audit: "statistics", fails: []int{http.StatusNotFound},
			tag: "Statistics", summary: "Sums over prints", example: describeStatistics(archive.Statistics{}), serve: serve((*api).statistics),
		},
		{
			method: http.MethodGet, path: base + "/statistics/export", aliases: []string{base + "/archives/stats/export"}, scope: auth.StatsRead, class: classWrite, audit: "statistics.export", fails: []int{http.StatusNotFound},
			tag: "Statistics", summary: "The sums as a table", example: "group,key\n", serve: serveText("text/csv", (*api).exportStatistics),
		},
	}
}
