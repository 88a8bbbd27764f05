import { fromHex } from '@tpmdev/testing/scripted-backend';

/** An RSA-1024 key pair for tests. */
export const RSA_1024: { readonly modulus: Uint8Array; readonly prime: Uint8Array } = {
  modulus: fromHex(
    'bf1437eac5a7303b81c2f43b3bd302361d2c9fd74e3b9c7e4f54e7a54f87b19926025373af0274729ad475d9' +
      'de9703bcc223f128a2b5539bac1e8fcf86f7a49d0d797806ad19f5e43f13e43cfaa1c3ef08129b8610e18fa8' +
      '5f8149cb09fa9e177e4dd5912f866ed8b4e22ee59883e660490647fbca1a1f7960f6a22f59026f75',
  ),
  prime: fromHex(
    'c752495dc7fd41f58f5941c57f5072455b6135dbaec4959dd74305e86ba0e870812dee665dc1ab9ce3484ff3' +
      'f71dad80ccc5611586f65bacf8c09d8a3c328293',
  ),
};

/** A P-256 key pair for tests. */
export const P256: Readonly<Record<'x' | 'y' | 'scalar', Uint8Array>> = {
  x: fromHex('798953e7e8134fdf3c139f63d3fbccc252a28b6ca5059e618374a81231240f3f'),
  y: fromHex('c83267aec725e18b66176c3685d1257201a67033819585a22a296350159ae70b'),
  scalar: fromHex('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'),
};
