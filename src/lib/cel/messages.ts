/** What messages a program may build, told without the packages that build them. */
import { library } from './library.ts';
import type { Registry } from '@bufbuild/protobuf';
import type { FieldDescriptorProto } from '@bufbuild/protobuf/wkt';

export type ScalarField = 'bool' | 'int64' | 'uint32' | 'string' | 'timestamp';

export interface MessageField {
  /** The field's number in its protobuf message. */
  readonly number: number;
  /** A scalar, or the full name of a message of the same set. */
  readonly type: ScalarField | { readonly message: string };
  /** `map`: from string to `type`, which is a scalar then. */
  readonly many?: 'list' | 'map';
}

/** Full name, such as `pb.Auth`, to fields by name. A package may name the messages of those before it. */
export type Messages = Readonly<Record<string, Readonly<Record<string, MessageField>>>>;

type FieldInit = Partial<Omit<FieldDescriptorProto, '$typeName' | '$unknown' | 'options'>>;

function typed(type: MessageField['type']): FieldInit {
  const { FieldDescriptorProto_Type: numbers } = library().wellKnown;
  if (typeof type === 'object') return { type: numbers.MESSAGE, typeName: `.${type.message}` };
  if (type === 'timestamp') return { type: numbers.MESSAGE, typeName: '.google.protobuf.Timestamp' };
  const scalars = { bool: numbers.BOOL, int64: numbers.INT64, string: numbers.STRING, uint32: numbers.UINT32 };
  return { type: scalars[type] };
}

/** Protobuf's own name for the message of a map's entries. */
const entryName = (field: string): string =>
  `${field.replaceAll(/(?:^|_)(.)/g, (_, sign: string) => sign.toUpperCase())}Entry`;

function descriptor(fullName: string, fields: Messages[string]) {
  const { FieldDescriptorProto_Label: labels } = library().wellKnown;
  const field = (name: string, { number, type, many }: MessageField): FieldInit => ({
    name,
    number,
    label: many === undefined ? labels.OPTIONAL : labels.REPEATED,
    ...typed(many === 'map' ? { message: `${fullName}.${entryName(name)}` } : type),
  });
  const entries = Object.entries(fields).filter(([, { many }]) => many === 'map');
  return {
    name: fullName.slice(fullName.lastIndexOf('.') + 1),
    field: Object.entries(fields).map(([name, each]) => field(name, each)),
    nestedType: entries.map(([name, { type }]) => ({
      name: entryName(name),
      options: { mapEntry: true },
      field: [field('key', { number: 1, type: 'string' }), field('value', { number: 2, type })],
    })),
  };
}

/** One file a package, since a message's package is its file's; each may name what is in those before it. */
export function registryOf(messages: Messages): Registry {
  const { protobuf, wellKnown } = library();
  const packages = Map.groupBy(Object.entries(messages), ([name]) => name.slice(0, name.lastIndexOf('.')));
  const files = [wellKnown.file_google_protobuf_timestamp.proto];
  for (const [name, own] of packages)
    files.push(
      protobuf.create(wellKnown.FileDescriptorProtoSchema, {
        name: `${name}.proto`,
        package: name,
        syntax: 'proto3',
        dependency: files.map((file) => file.name),
        messageType: own.map(([message, fields]) => descriptor(message, fields)),
      }),
    );
  return protobuf.createFileRegistry(protobuf.create(wellKnown.FileDescriptorSetSchema, { file: files }));
}
