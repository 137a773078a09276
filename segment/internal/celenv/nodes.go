package celenv

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Nodes of our own stand in the tree as calls of a function whose name cannot
// be written, with their number as the first argument. When cel-go plans the
// tree, decorate puts the node in the place of the call.
const nodeFunction = "@"

type (
	frame  = interpreter.ExecutionFrame
	branch = interpreter.InterpretableV2

	// exec evaluates a node.
	exec func(*frame) ref.Val
	// builder makes a node from its planned arguments.
	builder func(args []branch) exec
	// reader is a node without arguments.
	reader func(*state) ref.Val
)

// node is a node of ours within cel-go's tree.
type node struct {
	id  int64
	run exec
}

func (n *node) ID() int64 { return n.id }

// Exec evaluates the node.
func (n *node) Exec(f *frame) ref.Val { return n.run(f) }

// Eval evaluates the node for callers of the older interface.
func (n *node) Eval(a interpreter.Activation) ref.Val { return interpreter.EvalActivation(a, n.Exec) }

// node puts a node of ours into the tree.
func (c *checker) node(id int64, build builder, args ...ast.Expr) ast.Expr {
	c.builders = append(c.builders, build)
	number := c.factory.NewLiteral(id, types.Int(len(c.builders)-1))
	return c.factory.NewCall(id, nodeFunction, append([]ast.Expr{number}, args...)...)
}

// decorate replaces the calls that node made.
func (c *checker) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || call.Function() != nodeFunction {
		return i, nil
	}
	args := call.Args()
	number := args[0].(interpreter.InterpretableConst).Value().(types.Int)
	return &node{id: i.ID(), run: c.builders[number](args[1:])}, nil
}

// leaf makes a node without arguments.
func leaf(read reader) builder {
	return func([]branch) exec {
		return func(f *frame) ref.Val { return read(stateOf(f)) }
	}
}

// moment puts an instant that depends on now alone into the tree.
func (c *checker) moment(id int64, i int) ast.Expr {
	return c.node(id, leaf(func(s *state) ref.Val { return s.instant(i) }))
}

// slot is a part of an expression that a stream evaluates: an edge of a
// window or the condition of where.
type slot struct {
	tree ast.Expr
	run  branch
}

func (c *checker) slot(tree ast.Expr) *slot { return &slot{tree: tree} }

// withSlots puts a node into the tree that evaluates slots.
func (c *checker) withSlots(id int64, slots []*slot, run exec) ast.Expr {
	args := make([]ast.Expr, len(slots))
	for i, s := range slots {
		args[i] = s.tree
	}
	return c.node(id, func(planned []branch) exec {
		for i, s := range slots {
			s.run, s.tree = planned[i], nil // the tree is not kept
		}
		return run
	}, args...)
}

func isUnknown(v ref.Val) bool {
	switch v.(type) {
	case *types.Err, *types.Unknown:
		return true
	}
	return false
}

// buildStep counts the steps of one round of a macro.
func buildStep(weight int) builder {
	return func(args []branch) exec {
		body := args[0]
		return func(f *frame) ref.Val {
			stateOf(f).charge(weight)
			return body.Exec(f)
		}
	}
}

func buildConditional(args []branch) exec {
	cond, yes, no := args[0], args[1], args[2]
	return func(f *frame) ref.Val {
		switch v := cond.Exec(f); v {
		case types.True:
			return yes.Exec(f)
		case types.False:
			return no.Exec(f)
		}
		return errUnknown
	}
}

func buildHas(args []branch) exec {
	read := args[0]
	return func(f *frame) ref.Val { return types.Bool(!isUnknown(read.Exec(f))) }
}

func buildOrValue(args []branch) exec {
	read, otherwise := args[0], args[1]
	return func(f *frame) ref.Val {
		if v := read.Exec(f); !isUnknown(v) {
			return v
		}
		return otherwise.Exec(f)
	}
}
