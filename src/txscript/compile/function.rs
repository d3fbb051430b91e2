//! Functions, lambdas and generator expressions: scopes of their own.

use ruff_python_ast as ast;
use ruff_python_ast::Expr as Syntax;

use super::super::code::{Body, Clause, Comprehension, Expr, ExprKind, Function, FunctionId, Parameter};
use super::scope::Scope;
use super::{Compiled, Compiler};

impl Compiler<'_> {
    /// A function with the defaults of its parameters, which are evaluated where it is written.
    pub(super) fn function(&mut self, function: &ast::StmtFunctionDef) -> Compiled<ExprKind> {
        if function.is_async {
            return self.refuse(function, "`async def`", "write `def`");
        }
        if !function.decorator_list.is_empty() {
            return self.refuse(function, "a decorator", "call the function where it is used");
        }
        let defaults = self.defaults(&function.parameters)?;
        let mut scope = Scope::default();
        let mut compiled = signature(&function.name, &function.parameters, &mut scope);
        scope.bind_all(&function.body);
        self.scopes.push(scope);
        let body = self.block(&function.body);
        compiled.slots = self.scopes.pop().map_or(0, |scope| scope.slots);
        compiled.body = Body::Block(body?);
        Ok(ExprKind::Function(self.add(compiled), defaults))
    }

    pub(super) fn lambda(&mut self, lambda: &ast::ExprLambda) -> Compiled<ExprKind> {
        let mut scope = Scope::default();
        let none = ast::Parameters::default();
        let parameters = lambda.parameters.as_deref().unwrap_or(&none);
        let defaults = self.defaults(parameters)?;
        let mut compiled = signature("<lambda>", parameters, &mut scope);
        scope.bind_walrus(&lambda.body);
        self.scopes.push(scope);
        let body = self.expression(&lambda.body);
        compiled.slots = self.scopes.pop().map_or(0, |scope| scope.slots);
        compiled.body = Body::Expression(body?);
        Ok(ExprKind::Function(self.add(compiled), defaults))
    }

    /// A generator expression: a function of one parameter, its first iterable.
    pub(super) fn generator(
        &mut self,
        element: &Syntax,
        clauses: &[ast::Comprehension],
    ) -> Compiled<ExprKind> {
        let first = self.expression(&clauses[0].iter)?;
        let mut scope = Scope::default();
        scope.fresh();
        self.scopes.push(scope);
        let compiled = self.comprehension(element, None, clauses, true);
        let slots = self.scopes.pop().map_or(0, |scope| scope.slots);
        let function = Function {
            name: "<genexpr>".into(),
            parameters: Vec::new(),
            positional: 0,
            positional_only: 0,
            rest: None,
            keywords: None,
            slots,
            body: Body::Generator(compiled?),
        };
        Ok(ExprKind::Generator(self.add(function), Box::new(first)))
    }

    /// Its targets are places of their own in the frame around it.
    pub(super) fn comprehension(
        &mut self,
        element: &Syntax,
        value: Option<&Syntax>,
        clauses: &[ast::Comprehension],
        first_is_given: bool,
    ) -> Compiled<Comprehension> {
        let outer = self.scope().comprehensions.len();
        let result = self.clauses(element, value, clauses, first_is_given);
        self.scope().comprehensions.truncate(outer);
        result
    }

    fn clauses(
        &mut self,
        element: &Syntax,
        value: Option<&Syntax>,
        clauses: &[ast::Comprehension],
        first_is_given: bool,
    ) -> Compiled<Comprehension> {
        let mut compiled = Vec::with_capacity(clauses.len());
        for (at, clause) in clauses.iter().enumerate() {
            if clause.is_async {
                return self.refuse(clause, "`async for`", "write `for`");
            }
            let iterable = if at == 0 && first_is_given {
                Expr { line: self.line(&clause.iter), kind: ExprKind::None }
            } else {
                self.expression(&clause.iter)?
            };
            self.bind_targets(&clause.target);
            let target = self.target(&clause.target)?;
            let conditions = clause.ifs.iter().map(|test| self.expression(test)).collect::<Compiled<_>>()?;
            compiled.push(Clause { target, iterable, conditions });
        }
        let element = self.expression(element)?;
        let value = value.map(|value| self.expression(value)).transpose()?;
        Ok(Comprehension { element, value, clauses: compiled })
    }

    fn bind_targets(&mut self, target: &Syntax) {
        match target {
            Syntax::Name(name) => {
                let slot = self.scope().fresh();
                self.scope().comprehensions.push((name.id.to_string(), slot));
            }
            Syntax::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.bind_targets(target)),
            Syntax::List(list) => list.elts.iter().for_each(|target| self.bind_targets(target)),
            Syntax::Starred(starred) => self.bind_targets(&starred.value),
            _ => {}
        }
    }

    fn defaults(&mut self, parameters: &ast::Parameters) -> Compiled<Vec<Expr>> {
        let all = parameters.iter_non_variadic_params();
        all.filter_map(|parameter| parameter.default.as_deref()).map(|value| self.expression(value)).collect()
    }

    fn add(&mut self, function: Function) -> FunctionId {
        self.functions.push(function);
        u32::try_from(self.functions.len() - 1).unwrap_or(u32::MAX)
    }
}

/// A function without its body. Its parameters take the first slots.
fn signature(name: &str, parameters: &ast::Parameters, scope: &mut Scope) -> Function {
    let list = parameters.iter_non_variadic_params().map(|parameter| {
        scope.bind(parameter.name());
        Parameter { name: parameter.name().as_str().into(), has_default: parameter.default.is_some() }
    });
    let list = list.collect();
    Function {
        name: name.into(),
        parameters: list,
        positional: parameters.posonlyargs.len() + parameters.args.len(),
        positional_only: parameters.posonlyargs.len(),
        rest: parameters.vararg.as_ref().map(|rest| scope.bind(rest.name())),
        keywords: parameters.kwarg.as_ref().map(|keywords| scope.bind(keywords.name())),
        slots: 0,
        body: Body::Block(Vec::new()),
    }
}
