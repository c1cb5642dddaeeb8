import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import java.util.regex.Pattern;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.ValueSet;

/**
 * The codes of {@code http://varnomen.hgvs.org}: a grammar and no list, so they are accepted by their form.
 *
 * <p>An optional reference sequence, the kind of sequence, and a description in the letters of the HGVS nomenclature
 * (https://hgvs-nomenclature.org); whether the variant exists is not asked.
 */
final class Hgvs implements IValidationSupport {
  private static final String SYSTEM = "http://varnomen.hgvs.org";
  private static final Pattern FORM =
      Pattern.compile("([A-Z]{2,3}_?[0-9]+(\\.[0-9]+)?(\\([A-Za-z0-9-]+\\))?:)?[cgmnopr]\\.[A-Za-z0-9_+*?()=>;\\[\\]:.-]+");

  private final FhirContext context;

  Hgvs(FhirContext context) {
    this.context = context;
  }

  @Override
  public FhirContext getFhirContext() {
    return context;
  }

  @Override
  public boolean isCodeSystemSupported(ValidationSupportContext chain, String system) {
    return SYSTEM.equals(system);
  }

  /** Whether a value set is all of HGVS. */
  @Override
  public boolean isValueSetSupported(ValidationSupportContext chain, String url) {
    return isWhole(chain.getRootValidationSupport().fetchValueSet(url));
  }

  @Override
  public CodeValidationResult validateCode(
      ValidationSupportContext chain,
      ConceptValidationOptions options,
      String system,
      String code,
      String display,
      String valueSet) {
    return SYSTEM.equals(system) && valueSet == null ? validate(code) : null;
  }

  @Override
  public CodeValidationResult validateCodeInValueSet(
      ValidationSupportContext chain,
      ConceptValidationOptions options,
      String system,
      String code,
      String display,
      IBaseResource valueSet) {
    return SYSTEM.equals(system) && isWhole(valueSet) ? validate(code) : null;
  }

  private static boolean isWhole(IBaseResource valueSet) {
    return valueSet instanceof ValueSet set
        && set.getCompose().getInclude().size() == 1
        && SYSTEM.equals(set.getCompose().getIncludeFirstRep().getSystem())
        && !set.getCompose().getIncludeFirstRep().hasConcept()
        && !set.getCompose().getIncludeFirstRep().hasFilter();
  }

  private static CodeValidationResult validate(String code) {
    if (code != null && FORM.matcher(code).matches()) {
      return new CodeValidationResult().setCode(code);
    }
    return new CodeValidationResult()
        .setSeverity(IssueSeverity.ERROR)
        .setMessage("Not an expression of the HGVS nomenclature: " + code);
  }
}
