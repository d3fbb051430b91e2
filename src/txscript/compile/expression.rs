//! Expressions.

use ruff_python_ast as ast;
use ruff_python_ast::{Expr as Syntax, Number};
use ruff_text_size::{Ranged, TextRange};

use super::super::code::{
    Arguments, BinaryOp, Collect, CompareOp, Conversion, Expr, ExprKind, Item, Piece, UnaryOp,
};
use super::super::words::Word;
use super::{Compiled, Compiler};

impl Compiler<'_> {
    pub(super) fn expression(&mut self, syntax: &Syntax) -> Compiled<Expr> {
        self.deeper(syntax, |compiler| {
            let line = match syntax {
                // The line of the name after the point, as in Python's tracebacks.
                Syntax::Attribute(attribute) => compiler.line(&attribute.attr),
                Syntax::Call(call) => match &*call.func {
                    Syntax::Attribute(attribute) => compiler.line(&attribute.attr),
                    _ => compiler.line(syntax),
                },
                _ => compiler.line(syntax),
            };
            Ok(Expr { line, kind: compiler.kind(syntax)? })
        })
    }

    fn boxed(&mut self, syntax: &Syntax) -> Compiled<Box<Expr>> {
        self.expression(syntax).map(Box::new)
    }

    fn pair(&mut self, left: &Syntax, right: &Syntax) -> Compiled<Box<(Expr, Expr)>> {
        Ok(Box::new((self.expression(left)?, self.expression(right)?)))
    }

    fn all(&mut self, list: &[Syntax]) -> Compiled<Vec<Expr>> {
        list.iter().map(|syntax| self.expression(syntax)).collect()
    }

    fn items(&mut self, list: &[Syntax]) -> Compiled<Vec<Item>> {
        let item = |syntax: &Syntax| match syntax {
            Syntax::Starred(starred) => Ok(Item::Spread(self.expression(&starred.value)?)),
            other => Ok(Item::One(self.expression(other)?)),
        };
        list.iter().map(item).collect()
    }

    fn kind(&mut self, syntax: &Syntax) -> Compiled<ExprKind> {
        Ok(match syntax {
            Syntax::NoneLiteral(_) | Syntax::EllipsisLiteral(_) => ExprKind::None,
            Syntax::BooleanLiteral(literal) => ExprKind::Bool(literal.value),
            Syntax::NumberLiteral(literal) => self.number(literal)?,
            Syntax::StringLiteral(literal) => ExprKind::Str(literal.value.to_str().into()),
            Syntax::FString(string) => ExprKind::Format(self.format(string)?),
            Syntax::Name(name) => self.read(&name.id, name.range.start())?,
            Syntax::Tuple(tuple) => ExprKind::Tuple(self.items(&tuple.elts)?),
            Syntax::List(list) => ExprKind::List(self.items(&list.elts)?),
            Syntax::Set(set) => ExprKind::Set(self.items(&set.elts)?),
            Syntax::Dict(dict) => ExprKind::Dict(self.dict(dict)?),
            Syntax::UnaryOp(unary) => self.unary(unary)?,
            Syntax::BinOp(binary) => {
                let op = self.binary_op(binary.op, binary)?;
                ExprKind::Binary(op, self.pair(&binary.left, &binary.right)?)
            }
            Syntax::BoolOp(bool) => match bool.op {
                ast::BoolOp::And => ExprKind::And(self.all(&bool.values)?),
                ast::BoolOp::Or => ExprKind::Or(self.all(&bool.values)?),
            },
            Syntax::Compare(compare) => {
                let first = self.boxed(&compare.left)?;
                let rest = compare.ops.iter().zip(&compare.comparators);
                let rest = rest.map(|(op, right)| Ok((compare_op(*op), self.expression(right)?)));
                ExprKind::Compare(first, rest.collect::<Compiled<_>>()?)
            }
            Syntax::If(conditional) => ExprKind::Conditional(Box::new((
                self.expression(&conditional.test)?,
                self.expression(&conditional.body)?,
                self.expression(&conditional.orelse)?,
            ))),
            Syntax::Attribute(attribute) => {
                let name = self.attribute_name(&attribute.attr);
                if self.note_field(attribute, name) {
                    ExprKind::Field(name)
                } else {
                    let owner = self.boxed(&attribute.value)?;
                    if let (ExprKind::Field(_), "all_values", Some(last)) =
                        (&owner.kind, attribute.attr.as_str(), self.attributes.last_mut())
                    {
                        last.all_values = true;
                    }
                    ExprKind::Attribute(owner, name)
                }
            }
            Syntax::Subscript(subscript) => {
                ExprKind::Subscript(self.pair(&subscript.value, &subscript.slice)?)
            }
            Syntax::Slice(slice) => {
                let mut part = |part: &Option<Box<Syntax>>| {
                    part.as_deref().map(|part| self.expression(part)).transpose()
                };
                ExprKind::Slice(Box::new([part(&slice.lower)?, part(&slice.upper)?, part(&slice.step)?]))
            }
            Syntax::Call(call) => self.call(call)?,
            Syntax::Named(named) => match &*named.target {
                Syntax::Name(name) => {
                    let value = self.boxed(&named.value)?;
                    ExprKind::Assign(self.write(&name.id), value)
                }
                target => return self.refuse(target, "`:=` to anything but a name", ""),
            },
            Syntax::Lambda(lambda) => self.lambda(lambda)?,
            Syntax::Generator(generator) => self.generator(&generator.elt, &generator.generators)?,
            Syntax::ListComp(comp) => {
                let inner = self.comprehension(&comp.elt, None, &comp.generators, false)?;
                ExprKind::Comprehension(Collect::List, Box::new(inner))
            }
            Syntax::SetComp(comp) => {
                let inner = self.comprehension(&comp.elt, None, &comp.generators, false)?;
                ExprKind::Comprehension(Collect::Set, Box::new(inner))
            }
            Syntax::DictComp(comp) => {
                let Some(key) = comp.key.as_deref() else {
                    return self.refuse(comp, "`**` in a comprehension", "use `update`");
                };
                let inner = self.comprehension(key, Some(&comp.value), &comp.generators, false)?;
                ExprKind::Comprehension(Collect::Dict, Box::new(inner))
            }
            Syntax::Starred(starred) => return self.refuse(starred, "`*` here", "use it in a list or call"),
            Syntax::BytesLiteral(bytes) => return self.refuse(bytes, "a bytes literal", "use text"),
            Syntax::TString(string) => return self.refuse(string, "a template string", "use an f-string"),
            Syntax::Await(_) => return self.refuse(syntax, "`await`", "nothing here can be waited for"),
            Syntax::Yield(_) | Syntax::YieldFrom(_) => {
                return self.refuse(syntax, "`yield`", "build a list and return it");
            }
            Syntax::IpyEscapeCommand(_) => return self.refuse(syntax, "an escape command", ""),
        })
    }

    fn number(&self, literal: &ast::ExprNumberLiteral) -> Compiled<ExprKind> {
        Ok(match &literal.value {
            Number::Float(float) => ExprKind::Float(*float),
            Number::Int(int) => match int.as_i64() {
                Some(small) => ExprKind::Int(small),
                None => match int.to_string().parse::<i128>() {
                    Ok(big) => ExprKind::Big(Box::new(big)),
                    Err(_) => return self.refuse(literal, "an integer of more than 128 bits", ""),
                },
            },
            Number::Complex { .. } => return self.refuse(literal, "a complex number", ""),
        })
    }

    fn unary(&mut self, unary: &ast::ExprUnaryOp) -> Compiled<ExprKind> {
        let operand = self.boxed(&unary.operand)?;
        Ok(match (unary.op, &operand.kind) {
            (ast::UnaryOp::Not, _) => ExprKind::Not(operand),
            (ast::UnaryOp::USub, ExprKind::Int(int)) if *int != i64::MIN => ExprKind::Int(-int),
            (ast::UnaryOp::USub, ExprKind::Float(float)) => ExprKind::Float(-float),
            (ast::UnaryOp::USub, _) => ExprKind::Unary(UnaryOp::Negative, operand),
            (ast::UnaryOp::UAdd, _) => ExprKind::Unary(UnaryOp::Positive, operand),
            (ast::UnaryOp::Invert, _) => ExprKind::Unary(UnaryOp::Invert, operand),
        })
    }

    pub(super) fn binary_op(&self, op: ast::Operator, node: &impl Ranged) -> Compiled<BinaryOp> {
        Ok(match op {
            ast::Operator::Add => BinaryOp::Add,
            ast::Operator::Sub => BinaryOp::Subtract,
            ast::Operator::Mult => BinaryOp::Multiply,
            ast::Operator::Div => BinaryOp::Divide,
            ast::Operator::FloorDiv => BinaryOp::FloorDivide,
            ast::Operator::Mod => BinaryOp::Modulo,
            ast::Operator::Pow => BinaryOp::Power,
            ast::Operator::BitAnd => BinaryOp::And,
            ast::Operator::BitOr => BinaryOp::Or,
            ast::Operator::BitXor => BinaryOp::Xor,
            ast::Operator::LShift => BinaryOp::ShiftLeft,
            ast::Operator::RShift => BinaryOp::ShiftRight,
            ast::Operator::MatMult => return self.refuse(node, "`@`", ""),
        })
    }

    fn dict(&mut self, dict: &ast::ExprDict) -> Compiled<Vec<(Option<Expr>, Expr)>> {
        let entry = |item: &ast::DictItem| {
            let key = item.key.as_ref().map(|key| self.expression(key)).transpose()?;
            Ok((key, self.expression(&item.value)?))
        };
        dict.items.iter().map(entry).collect()
    }

    fn call(&mut self, call: &ast::ExprCall) -> Compiled<ExprKind> {
        let mut arguments =
            Arguments { positional: self.items(&call.arguments.args)?, ..Arguments::default() };
        for keyword in &call.arguments.keywords {
            let name = keyword.arg.as_ref().map(|name| name.as_str().into());
            arguments.keywords.push((name, self.expression(&keyword.value)?));
        }
        Ok(match &*call.func {
            Syntax::Attribute(attribute) if !self.is_fields(&attribute.value) => {
                let receiver = self.expression(&attribute.value)?;
                self.literal_pattern(call, &receiver.kind, Word::named(&attribute.attr), &arguments)?;
                ExprKind::CallMethod(Box::new((receiver, arguments)), self.attribute_name(&attribute.attr))
            }
            function => {
                let function = self.expression(function)?;
                self.literal_pattern(call, &function.kind, None, &arguments)?;
                ExprKind::Call(Box::new((function, arguments)))
            }
        })
    }

    fn format(&mut self, string: &ast::ExprFString) -> Compiled<Vec<Piece>> {
        let mut pieces = Vec::new();
        for part in &string.value {
            match part {
                ast::FStringPart::Literal(literal) => pieces.push(Piece::Text((&*literal.value).into())),
                ast::FStringPart::FString(inner) => self.elements(&inner.elements, &mut pieces)?,
            }
        }
        Ok(pieces)
    }

    fn elements(
        &mut self,
        elements: &ast::InterpolatedStringElements,
        pieces: &mut Vec<Piece>,
    ) -> Compiled<()> {
        for element in elements {
            match element {
                ast::InterpolatedStringElement::Literal(literal) => {
                    pieces.push(Piece::Text((&*literal.value).into()));
                }
                ast::InterpolatedStringElement::Interpolation(inner) => {
                    let mut conversion = match inner.conversion {
                        ast::ConversionFlag::None => Conversion::None,
                        ast::ConversionFlag::Str => Conversion::Str,
                        ast::ConversionFlag::Repr => Conversion::Repr,
                        ast::ConversionFlag::Ascii => Conversion::Ascii,
                    };
                    if let Some(debug) = &inner.debug_text {
                        let written = self.text(inner.expression.range());
                        let text = format!("{}{written}{}", debug.leading(), debug.trailing());
                        pieces.push(Piece::Text(text.into()));
                        if conversion == Conversion::None && inner.format_spec.is_none() {
                            conversion = Conversion::Repr;
                        }
                    }
                    let value = self.expression(&inner.expression)?;
                    let mut spec = Vec::new();
                    if let Some(format) = &inner.format_spec {
                        self.elements(&format.elements, &mut spec)?;
                    }
                    pieces.push(Piece::Value { value, conversion, spec });
                }
            }
        }
        Ok(())
    }

    fn text(&self, range: TextRange) -> &str {
        self.source.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }
}

fn compare_op(op: ast::CmpOp) -> CompareOp {
    match op {
        ast::CmpOp::Eq => CompareOp::Equal,
        ast::CmpOp::NotEq => CompareOp::NotEqual,
        ast::CmpOp::Lt => CompareOp::Less,
        ast::CmpOp::LtE => CompareOp::LessEqual,
        ast::CmpOp::Gt => CompareOp::Greater,
        ast::CmpOp::GtE => CompareOp::GreaterEqual,
        ast::CmpOp::Is => CompareOp::Is,
        ast::CmpOp::IsNot => CompareOp::IsNot,
        ast::CmpOp::In => CompareOp::In,
        ast::CmpOp::NotIn => CompareOp::NotIn,
    }
}
