package api

import (
	"math"
	"net/http"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/stream"
)

type robotList struct {
	Epoch   string         `json:"epoch"`
	Version stream.Version `json:"version"`
	Robots  []fleet.Robot  `json:"robots"`
}

func (s *Server) listRobots(w http.ResponseWriter, _ *http.Request) error {
	snap := s.opt.Registry.Snapshot()
	return writeJSON(w, http.StatusOK, robotList{snap.Epoch, stream.Version(snap.Version), snap.Robots})
}

func (s *Server) getRobot(w http.ResponseWriter, r *http.Request) error {
	robot, ok := s.opt.Registry.Robot(r.PathValue("id"))
	if !ok {
		return &notFound{"robot " + r.PathValue("id") + " is not known"}
	}
	return writeJSON(w, http.StatusOK, robot)
}

type engineList struct {
	Engines []fleet.Engine `json:"engines"`
}

func (s *Server) listEngines(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, engineList{s.opt.Registry.Engines()})
}

type eventList struct {
	Events []fleet.Event `json:"events"`
	Gap    bool          `json:"gap"`
	Last   uint64        `json:"last"`
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	since, err := number(r, "since", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", 200, 1, 1000)
	if err != nil {
		return err
	}
	journal := s.opt.Registry.Journal()
	list := eventList{Events: []fleet.Event{}, Last: journal.Last()}
	if since > list.Last { // of an earlier run of the server
		return writeJSON(w, http.StatusOK, eventList{Events: list.Events, Gap: true, Last: list.Last})
	}
	events, gap := journal.Since(since, int(limit))
	list.Events, list.Gap = append(list.Events, events...), gap
	return writeJSON(w, http.StatusOK, list)
}

type mapList struct {
	Maps []mapInfo `json:"maps"`
}

type mapInfo struct {
	Hash       string  `json:"hash"`
	Frame      string  `json:"frame"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	Resolution float64 `json:"resolution"`
	OriginX    float64 `json:"origin_x"`
	OriginY    float64 `json:"origin_y"`
	OriginYaw  float64 `json:"origin_yaw"`
	Tile       int     `json:"tile"`
	Cols       int     `json:"cols"`
	Rows       int     `json:"rows"`
}

func (s *Server) listMaps(w http.ResponseWriter, _ *http.Request) error {
	list := mapList{Maps: []mapInfo{}}
	for _, g := range s.opt.Registry.Grids() {
		cols, rows := tiling(g)
		list.Maps = append(list.Maps, mapInfo{
			Hash: g.Hash, Frame: g.Frame, Width: g.Width, Height: g.Height, Resolution: g.Resolution,
			OriginX: g.OriginX, OriginY: g.OriginY, OriginYaw: g.OriginYaw, Tile: tileSize, Cols: cols, Rows: rows,
		})
	}
	return writeJSON(w, http.StatusOK, list)
}
