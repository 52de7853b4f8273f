package forecast

import (
	"math"
	"slices"
)

// Weights of a combination.
const (
	// weightPower is how sharply a weight falls with validation error: twice the
	// error of the best gives a thirtieth of its weight.
	weightPower = 5
	// foldDecay discounts each older fold in the weights.
	foldDecay = 0.9
	// relativeShare is the weight of symmetric relative errors against scaled
	// absolute ones; relative errors keep quiet phases from being ignored.
	relativeShare = 2.5
)

// candidate is one model with its forecasts from every origin.
type candidate struct {
	method Method
	model  model
	params []float64
	paths  [][]float64
	weight float64
}

// candidates runs every method on every origin of the folds.
func candidates(in *input, methods []Method, f folds) []candidate {
	all := make([]candidate, 0, len(methods))
	for _, m := range methods {
		c := candidate{method: m, model: newModel(m), paths: rows(len(f.origins), f.horizon)}
		c.params = c.model.run(in, job{origins: f.origins, horizon: f.horizon, out: c.paths})
		for _, p := range c.paths {
			in.bound(p)
		}
		all = append(all, c)
	}
	return all
}

// rows makes count slices of n values in one block of memory.
func rows(count, n int) [][]float64 {
	block := make([]float64, count*n)
	r := make([][]float64, count)
	for i := range r {
		r[i] = block[i*n : (i+1)*n : (i+1)*n]
	}
	return r
}

// weigh sets the weights of the candidates by the inverse of their validation
// error to the power weightPower; equal weights where nothing was validated.
func weigh(in *input, all []candidate, f folds) {
	errs := make([]float64, len(all))
	decay := 1.0
	for i := f.count() - 1; i >= max(0, f.count()-weighFolds); i-- {
		decay *= foldDecay
		actual := in.y[f.origins[i]:]
		for k := range all {
			errs[k] += decay * in.error(all[k].paths[i][:f.known(i)], actual, f.origins[i])
		}
	}
	setWeights(all, errs)
}

// leastWeight is the share of all weight below which a candidate is left out.
const leastWeight = 0.001

// setWeights turns errors into weights. When a candidate made no error at all,
// only those without error count; one that would hardly count does not.
func setWeights(all []candidate, errs []float64) {
	least, total := slices.Min(errs), 0.0
	for k := range all {
		switch {
		case errs[k] == least:
			all[k].weight = 1
		case least <= 0:
			all[k].weight = 0
		default:
			all[k].weight = math.Pow(least/errs[k], weightPower)
		}
		total += all[k].weight
	}
	for k := range all {
		if all[k].weight < leastWeight*total {
			all[k].weight = 0
		}
	}
}

// error is the validation error of a path: absolute errors over the scale of
// the series plus relativeShare times symmetric relative ones, summed.
func (in *input) error(path, actual []float64, origin int) float64 {
	sum := 0.0
	for i, p := range path {
		if !in.observed(origin + i) {
			continue
		}
		d := math.Abs(actual[i] - p)
		if d == 0 {
			continue
		}
		sum += d / in.change
		sum += relativeShare * d / (math.Abs(actual[i]) + math.Abs(p))
	}
	return sum
}

// medianPath writes the weighted median of the candidates' paths from one
// origin, step by step. Source of the interpolated weighted median: Edgeworth's
// median loss with the weights' midpoints as plotting positions.
func medianPath(all []candidate, origin int, out []float64) {
	values := make([]float64, 0, len(all))
	weights := make([]float64, 0, len(all))
	for i := range out {
		values, weights = values[:0], weights[:0]
		for k := range all {
			if all[k].weight > 0 {
				values = append(values, all[k].paths[origin][i])
				weights = append(weights, all[k].weight)
			}
		}
		out[i] = weightedMedian(values, weights)
	}
}

// weightedMedian is the value at half the total weight, linear between the
// midpoints of neighbouring weights. It reorders both slices.
func weightedMedian(v, w []float64) float64 {
	total := 0.0
	for i := range v {
		total += w[i]
		x, y := v[i], w[i]
		j := i
		for ; j > 0 && v[j-1] > x; j-- {
			v[j], w[j] = v[j-1], w[j-1]
		}
		v[j], w[j] = x, y
	}
	half := total / 2
	below, at, value := 0.0, 0.0, v[0]
	for i, x := range v {
		mid := below + w[i]/2
		if mid >= half {
			if i == 0 || mid == at {
				return x
			}
			return value + (half-at)/(mid-at)*(x-value)
		}
		at, value = mid, x
		below += w[i]
	}
	return v[len(v)-1]
}
