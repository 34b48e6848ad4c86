"""Public-key signatures on what providers post to us.

The library for it takes 7 MiB and a tenth of the start-up, so it is imported when a store first needs it: those whose providers
can't reach them never do.
"""

from typing import Any, cast


class KeyUnreadable(ValueError):
    """What was given as a public key is none of this kind."""


def elliptic_key(der: bytes) -> Any:
    """An elliptic curve's public key from its DER form. Raises KeyUnreadable."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(der)
    except ValueError as error:
        raise KeyUnreadable("it can't be read") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise KeyUnreadable("it is no elliptic curve key")
    return key


def by_elliptic_key(key: Any, signature: bytes, text: bytes) -> bool:
    """Whether ECDSA with SHA-256 (FIPS 186-5) holds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        cast("EllipticCurvePublicKey", key).verify(signature, text, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def by_certificate(pem: bytes, signature: bytes, text: bytes, version: str) -> bool:
    """Whether RSA PKCS#1 v1.5 holds with the certificate's key: version "1" is SNS's name for SHA-1, "2" for SHA-256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256
    from cryptography.x509 import load_pem_x509_certificate

    kinds = {"1": SHA1, "2": SHA256}
    try:
        key = load_pem_x509_certificate(pem).public_key()
        if version not in kinds or not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, text, PKCS1v15(), kinds[version]())
    except (InvalidSignature, ValueError):
        return False
    return True
