import { fieldsOf, itemsOf, objectIn, read, textOf } from '../fields.js';
import type { Link } from '../link.js';
import { family } from './family.js';

export const AWS = family({
  name: 'AWS SDK',
  shape:
    '`$metadata`, `$fault` or `$service` beside the `name` (version 3); `code` beside `requestId` and `retryable` (version 2)',
  sources: [
    'https://github.com/smithy-lang/smithy-typescript/blob/main/packages/service-error-classification/src/constants.ts',
    'https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html',
    'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html',
    'https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html',
  ],
  keysOf: (link) => {
    const v3 = link.has('$metadata') || link.has('$fault') || link.has('$service');
    if (!v3 && link.name !== 'CredentialsProviderError' && !(link.has('requestId') && link.has('retryable')))
      return undefined;
    const retryable = objectIn(link.fields, '$retryable');
    const hint = retryable && (read(retryable, 'throttling') === true ? '$retryable.throttling' : '$retryable');
    return [link.name, link.text('code'), ...cancellations(link), hint];
  },
  rows: {
    rate_limit: `BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete
      ProvisionedThroughputExceededException ProvisionedThroughputExceeded RequestLimitExceeded RequestThrottled
      RequestThrottledException SlowDown ThrottledException Throttling ThrottlingError ThrottlingException
      TooManyRequestsException TransactionInProgressException KMSThrottlingException $retryable.throttling`,
    timeout: 'RequestTimeout RequestTimeoutException ModelTimeoutException TimeoutError',
    overloaded: 'ServiceUnavailable ServiceUnavailableException ModelNotReadyException',
    server_error: `InternalError InternalFailure InternalServerError InternalServerException ModelErrorException
      ModelStreamErrorException TransactionConflictException TransactionConflict $retryable`,
    quota: 'ServiceQuotaExceededException',
    auth: `CredentialsProviderError ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId
      InvalidSignatureException SignatureDoesNotMatch UnrecognizedClientException MissingAuthenticationToken`,
    permission: 'AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorizedException',
    not_found: 'NoSuchBucket NoSuchKey NotFound ResourceNotFoundException QueueDoesNotExist NotFoundException',
    bad_request: `ConditionalCheckFailedException ConditionalCheckFailed ResourceInUseException ResourceAlreadyExistsException
      ItemCollectionSizeLimitExceededException PreconditionFailed BucketAlreadyExists`,
    400: 'ValidationException ValidationError',
  },
});

/** Why DynamoDB gave a transaction up stands in a list; the reason that will not pass comes first. */
function cancellations(link: Link): readonly (string | undefined)[] {
  const reasons = itemsOf(read(link.fields, 'CancellationReasons'), 100) ?? [];
  const codes = reasons.map((reason) => textOf(fieldsOf(reason), 'Code'));
  return codes.includes('ConditionalCheckFailed') ? ['ConditionalCheckFailed'] : codes;
}
